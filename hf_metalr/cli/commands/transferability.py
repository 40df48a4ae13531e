"""`hf-metalr transferability`: how far the pre-trained parameters carried, layer by layer."""

import argparse
from dataclasses import asdict

from hf_metalr.cli.command import Command
from hf_metalr.cli.options import add_options as add_fields
from hf_metalr.cli.options import config_of
from hf_metalr.cli.output import add_output_options, check_outputs, deliver
from hf_metalr.data.config import DataConfig
from hf_metalr.options.transferability import ProfileConfig, ProtocolConfig

DESCRIPTION = """\
Measure, after a fine-tune, how far the pre-trained parameters of each layer
carried to the task:

    T = distance from a random initialisation / distance from the pre-trained

T well above 1 says that pre-training left the layer near where the task wants
it. T is a diagnosis of one finished fine-tune and falls with steps x rate:
compare layers, or models under one recipe.

With --data come columns that need validation samples: gradient-to-weight
ratio before training, similarity of features before and after, and what
resetting a layer does to the loss.
"""
EXAMPLES = """\
  the profile of a checkpoint, and its figure
    hf-metalr transferability ./my-checkpoint google/vit-base-patch16-224 \\
        --plot profile.png

  with the columns that need data, from a folder of images that has one
  sub-folder per class
    hf-metalr transferability ./my-checkpoint ./backbone --data ./validation

  the recipe that T depends on, printed beside it, and the result kept
    hf-metalr transferability ./my-checkpoint ./backbone --samples 400 \\
        --steps 300 --learning-rate 1e-3 --recipe "AdamW, constant" \\
        --save profile.json
"""
# With data, each layer costs two forward passes over all of them, and the prepared samples stay in memory
# (0.6 MB each at 224 pixels).
DEFAULT_MAX_SAMPLES = 256
# A profile divides nothing.
GROUPS = ("group_column", "group_pattern", "groups")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command; the defaults are those of `transferability_profile`."""
    parser.add_argument("fine_tuned", metavar="FINE_TUNED", help="folder or Hub id of the fine-tuned model")
    parser.add_argument("pretrained", metavar="PRETRAINED", help="folder or Hub id that fine-tuning started from")
    add_fields(parser, ProfileConfig, title="measurement")
    add_fields(parser, ProtocolConfig)
    add_fields(parser, DataConfig, title="data", without=GROUPS, data=None, max_samples=DEFAULT_MAX_SAMPLES)
    add_output_options(parser, "the profile")


def run(options: argparse.Namespace) -> str:
    """Measure the profile and return it in the form that was asked for."""
    check_outputs(options)
    from hf_metalr.transferability import Protocol, transferability_profile
    from hf_metalr.transferability.model_batches import model_batches

    config = config_of(ProfileConfig, options)
    batches = None
    if options.data is not None:
        models = [options.fine_tuned, options.pretrained]
        batches = model_batches(config_of(DataConfig, options), models, config.batch_size, config.trust_remote_code)
    profile = transferability_profile(
        options.fine_tuned,
        options.pretrained,
        data=batches,
        protocol=Protocol(**asdict(config_of(ProtocolConfig, options))),
        seed=options.seed,
        **asdict(config),
    )
    return deliver(profile, options)


COMMAND = Command(
    "how far pre-trained parameters carried to a task, layer by layer", DESCRIPTION, EXAMPLES, add_options, run
)
