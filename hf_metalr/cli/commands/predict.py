"""`hf-metalr predict`: what a fine-tuned model says of new images or texts."""

import argparse
import json

from hf_metalr.cli.command import Command
from hf_metalr.cli.options import add_options as add_fields
from hf_metalr.cli.options import config_of
from hf_metalr.data.config import DataConfig
from hf_metalr.inference.config import ModelConfig, PredictionConfig

DESCRIPTION = """\
Ask a fine-tuned model about images or texts: one row per input with its file,
the prediction and the probability of each class, as CSV, JSON lines or
parquet. Labels are not needed, and folders may lie anyhow. A segmentation
writes one mask per image as PNG.

Any number of inputs: two batches are in memory at a time. --resume goes on
where a call was interrupted. The model need not be trained here.
"""
EXAMPLES = """\
  a folder of images
    hf-metalr predict ./my-model --data ./new-scans --out predictions.csv

  one bad file does not stop a long night; after a crash add --resume
    hf-metalr predict ./my-model --data ./archive --skip-damaged \\
        --out predictions.parquet

  a table of texts, a model of the Hub
    hf-metalr predict user/model --data letters.csv \\
        --input-column text --out predictions.jsonl

  on several devices
    accelerate launch -m hf_metalr predict ./my-model --data ./archive \\
        --out predictions.csv
"""
_NEEDS_LABELS = ("label_column", "group_column", "group_pattern", "groups", "max_samples", "seed")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("model", metavar="MODEL", help="folder or Hub id of a fine-tuned model")
    add_fields(parser, PredictionConfig)
    add_fields(parser, ModelConfig)
    add_fields(parser, DataConfig, title="data", without=_NEEDS_LABELS)
    parser.add_argument("--json", action="store_true", help="print what became of all inputs as JSON")


def run(options: argparse.Namespace) -> str:
    """Predict, write the table, and say where it is."""
    from hf_metalr.inference.predict import predict_table

    model = config_of(ModelConfig, options, model=options.model)
    config = config_of(PredictionConfig, options, model=model, data=config_of(DataConfig, options))
    result = predict_table(config)
    return json.dumps(result.to_dict(), indent=2, ensure_ascii=False) if options.json else str(result)


COMMAND = Command("what a fine-tuned model says of new inputs", DESCRIPTION, EXAMPLES, add_options, run)
