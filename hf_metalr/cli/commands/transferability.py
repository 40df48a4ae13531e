"""`hf-metalr transferability`: how far the pre-trained parameters carried, layer by layer."""

import argparse

from hf_metalr.cli.command import Command
from hf_metalr.cli.data import add_data_options, load_data
from hf_metalr.cli.numbers import not_negative, positive_int
from hf_metalr.cli.output import add_output_options, check_outputs, deliver

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


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command; the defaults are those of `transferability_profile`."""
    parser.add_argument("fine_tuned", metavar="FINE_TUNED", help="folder or Hub id of the fine-tuned model")
    parser.add_argument("pretrained", metavar="PRETRAINED", help="folder or Hub id that fine-tuning started from")
    parser.add_argument(
        "--random",
        metavar="SOURCE",
        help="the random end: folder or Hub id of the initialisation itself, or 'expectation' for the closed form "
        "(default: several draws from the model's own initialiser)",
    )
    parser.add_argument(
        "--random-draws", type=positive_int, default=5, metavar="N", help="how many random draws (default: 5)"
    )
    parser.add_argument(
        "--layer-groups", choices=["stage", "block", "tensor"], default="block", help="what a layer is (default: block)"
    )
    _add_protocol_options(parser)
    _add_recipe_options(parser)
    parser.add_argument(
        "--batch-size", type=positive_int, default=32, metavar="N", help="samples per forward pass (default: 32)"
    )
    parser.add_argument(
        "--confidence", type=float, default=0.95, metavar="SHARE", help="of the intervals (default: 0.95)"
    )
    parser.add_argument("--trust-remote-code", action="store_true", help="allow code of a Hub model to run")
    add_data_options(parser, required=False, max_samples=DEFAULT_MAX_SAMPLES, pairs=True)
    add_output_options(parser, "the profile")


def _add_protocol_options(parser: argparse.ArgumentParser) -> None:
    protocol = parser.add_argument_group("protocol", "The defaults are the published protocol (arXiv 2212.00399).")
    protocol.add_argument(
        "--tensors",
        choices=["weights", "all"],
        default="weights",
        help="weights: no norm, bias or shortcut; all: every parameter (default: weights)",
    )
    protocol.add_argument(
        "--average",
        choices=["before_ratio", "after_ratio"],
        default="before_ratio",
        help="average the distances of a layer's tensors before their ratio, or the ratios (default: before_ratio)",
    )
    protocol.add_argument("--include-head", action="store_true", help="count the head in the network's mean")


def _add_recipe_options(parser: argparse.ArgumentParser) -> None:
    recipe = parser.add_argument_group("recipe of the fine-tune", "Printed beside T, which depends on it.")
    recipe.add_argument("--samples", type=positive_int, metavar="N", help="training samples")
    recipe.add_argument("--steps", type=positive_int, metavar="N", help="optimizer steps")
    recipe.add_argument("--learning-rate", type=not_negative, metavar="RATE", help="learning rate")
    recipe.add_argument("--recipe", metavar="WORDS", help="optimizer, schedule and the like")


def run(options: argparse.Namespace) -> str:
    """Measure the profile and return it in the form that was asked for."""
    check_outputs(options)
    from hf_metalr.cli.data.model_inputs import model_batches
    from hf_metalr.transferability import Protocol, transferability_profile

    batches = None
    if options.data is not None:
        models = [options.fine_tuned, options.pretrained]
        data = load_data(options).part(options.max_samples, options.seed).without_damaged(options.skip_damaged)
        batches = model_batches(data, models, options.batch_size, options.trust_remote_code)
    profile = transferability_profile(
        options.fine_tuned,
        options.pretrained,
        options.random,
        random_draws=options.random_draws,
        layer_groups=options.layer_groups,
        protocol=Protocol(options.tensors, options.average, options.include_head),
        data=batches,
        batch_size=options.batch_size,
        confidence=options.confidence,
        samples=options.samples,
        steps=options.steps,
        learning_rate=options.learning_rate,
        recipe=options.recipe,
        seed=options.seed,
        trust_remote_code=options.trust_remote_code,
    )
    return deliver(profile, options)


COMMAND = Command(
    summary="how far pre-trained parameters carried to a task, layer by layer",
    description=DESCRIPTION,
    examples=EXAMPLES,
    add_options=add_options,
    run=run,
)
