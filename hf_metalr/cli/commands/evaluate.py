"""`hf-metalr evaluate`: what a fine-tuned model is worth on rows with labels, and where it fails."""

import argparse
import json

from hf_metalr.cli.command import Command
from hf_metalr.cli.options import add_options as add_fields
from hf_metalr.cli.options import config_of
from hf_metalr.data.config import DataConfig
from hf_metalr.evaluation.config import EvaluationConfig
from hf_metalr.inference.config import ModelConfig

DESCRIPTION = """\
Measure a fine-tuned model on rows with labels: every metric of its task with
a bootstrap interval (whole patients are drawn with --group-column), by class
and by subgroup, confusion matrix, curves, calibration, thresholds, and the
worst errors.

The folder gets evaluation.json (docs/after-training.md), rows.csv, figures,
worst_errors.png and one page, evaluation.html. Evaluated is the test split of
the data, if there is one; thresholds and temperature are chosen on validation
alone. The model need not be trained here.
"""
EXAMPLES = """\
  another hospital's images, patients drawn together, and by sex
    hf-metalr evaluate ./my-model --data elsewhere.csv \\
        --group-column patient_id --by sex scanner --out ./elsewhere

  the data that it was trained on: the test split of splits.json
    hf-metalr evaluate ./my-model --data ./scans --out ./test

  is it better than another model, on the same rows?
    hf-metalr evaluate ./my-model --against user/model --data ./scans \\
        --out ./against

  thresholds chosen on your own validation data
    hf-metalr evaluate ./my-model --data elsewhere.csv \\
        --validation mine.csv --sensitivity 0.9 0.95 --out ./thresholds
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("model", metavar="MODEL", help="folder or Hub id of a fine-tuned model")
    add_fields(parser, EvaluationConfig)
    add_fields(parser, ModelConfig)
    add_fields(parser, DataConfig, title="data")
    parser.add_argument("--json", action="store_true", help="print evaluation.json")


def run(options: argparse.Namespace) -> str:
    """Evaluate and return the metrics, as a table or as JSON."""
    from hf_metalr.evaluation.run import run as evaluate

    model = config_of(ModelConfig, options, model=options.model)
    result = evaluate(config_of(EvaluationConfig, options, model=model, data=config_of(DataConfig, options)))
    if options.json:
        return json.dumps(result.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{result}\n\nEverything is in {options.out}; look at {options.out / 'evaluation.html'}."


COMMAND = Command("what a fine-tuned model is worth, and where it fails", DESCRIPTION, EXAMPLES, add_options, run)
