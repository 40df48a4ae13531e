"""`hf-metalr train`: from images or texts to a fine-tuned model with learned rates."""

import argparse
import json

from hf_metalr.cli.command import Command
from hf_metalr.cli.options import add_field_options, config_of, field_settings
from hf_metalr.cli.options import add_options as add_fields
from hf_metalr.data.config import DataConfig
from hf_metalr.training.config import TrainingConfig

DESCRIPTION = """\
Fine-tune a pre-trained model on your data, one learned rate per layer group:
classification with one or several labels, segmentation, regression; images or
texts. The best model by validation is kept, and the test split, if there is
one, is measured once, at the end.

The output folder holds the model, its processor, metrics.json, splits.json
(which file is in which split), the history and figure of the learned rates,
and a model card.
"""
EXAMPLES = """\
  a folder of images, one sub-folder per class
    hf-metalr train --model google/vit-base-patch16-224 --data ./scans \\
        --output-dir ./my-model --epochs 10 --augment medical

  no patient on two sides, rare classes weigh as much as frequent ones
    hf-metalr train --model microsoft/resnet-50 --data scans.csv \\
        --group-column patient_id --test-size 0.2 \\
        --class-weights balanced --output-dir ./my-model

  several labels per image, one column of 0 and 1 for each
    hf-metalr train --model microsoft/resnet-50 --data chest.parquet \\
        --label-column effusion mass nodule --output-dir ./my-model

  a folder with images/ and masks/ of the same names
    hf-metalr train --model nvidia/mit-b0 --data ./cells \\
        --output-dir ./my-model

  options from a file, several devices
    accelerate launch -m hf_metalr train --config train.yaml
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command; what is not given is left to `MetaLRTrainingArguments`."""
    add_fields(parser, TrainingConfig)
    add_fields(parser, DataConfig, title="data")
    add_field_options(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def config_from(options: argparse.Namespace) -> TrainingConfig:
    """Return everything that the options say, in one object."""
    data, learned = config_of(DataConfig, options), field_settings(options)
    return config_of(TrainingConfig, options, data=data, learned_rates=learned)


def run(options: argparse.Namespace) -> str:
    """Fine-tune and return what was measured, as a table or as JSON."""
    from hf_metalr.training.run import run as fine_tune

    result = fine_tune(config_from(options))
    return json.dumps(result.to_dict(), indent=2, ensure_ascii=False) if options.json else str(result)


COMMAND = Command("fine-tune a model on images or texts with learned rates", DESCRIPTION, EXAMPLES, add_options, run)
