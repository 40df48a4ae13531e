"""`hf-metalr rank`: which backbone suits a data set, without fine-tuning one."""

import argparse

from hf_metalr.cli.command import Command
from hf_metalr.cli.options import add_options as add_fields
from hf_metalr.cli.options import config_of
from hf_metalr.cli.output import add_output_options, check_outputs, deliver
from hf_metalr.data.config import DataConfig
from hf_metalr.options.ranking import RankingConfig

DESCRIPTION = """\
Rank pre-trained backbones for a data set by the features they already have:
one forward pass per model, no training. Use it to choose which two or three
models are worth a fine-tune.

The table gives scores with intervals, puts models that cannot be told apart
into one tie group, and names two picks: one by score, one by what is known
beforehand. No such score is reliable on all data: fine-tune both picks.
"""
EXAMPLES = """\
  two models of the Hub on a folder of images that has one sub-folder per class
    hf-metalr rank google/vit-base-patch16-224 microsoft/resnet-50 \\
        --data ./scans

  is a checkpoint better than its own random initialisation? With a figure
    hf-metalr rank ./my-checkpoint --random-twins --data scans.parquet \\
        --max-samples 500 --plot ranking.png

  several images of each patient: none is judged by his own
    hf-metalr rank ./a ./b --data scans.csv --group-column patient_id

  options from a file (models: [...], data: ...), the result for a program
    hf-metalr rank --config rank.yaml --json > ranking.json

  on several devices
    accelerate launch -m hf_metalr rank ./a ./b --data ./scans
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command; the defaults are those of `rank_backbones`."""
    parser.add_argument("models", nargs="+", metavar="MODEL", help="Hub ids or folders of the backbones")
    add_fields(parser, DataConfig, title="data")
    add_fields(parser, RankingConfig, title="models")
    add_output_options(parser, "the ranking")


def run(options: argparse.Namespace) -> str:
    """Rank the models and return the result in the form that was asked for."""
    check_outputs(options)
    from hf_metalr.data.read import read_data
    from hf_metalr.ranking import rank_backbones

    data, config = config_of(DataConfig, options), config_of(RankingConfig, options)
    ranking = rank_backbones(options.models, read_data(data), seed=data.seed, **config.arguments())
    return deliver(ranking, options)


COMMAND = Command("which backbone suits a data set, without fine-tuning", DESCRIPTION, EXAMPLES, add_options, run)
