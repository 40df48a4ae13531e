"""`hf-metalr export`: a fine-tuned model for programs without Python."""

import argparse
import json

from hf_metalr.cli.command import Command
from hf_metalr.cli.options import add_options as add_fields
from hf_metalr.cli.options import config_of
from hf_metalr.exporting.config import ExportConfig
from hf_metalr.inference.config import ModelConfig

DESCRIPTION = """\
Write a fine-tuned model as ONNX. Before the file appears it is run by
onnxruntime on real inputs, and must give what the model gives to 1e-4.

Beside it stands what has to be done to inputs before and to outputs after:
FILE.preprocessing.json and, of texts, FILE.tokenizer.json. Needs
`pip install 'hf-metalr[onnx]'`.
"""
EXAMPLES = """\
  a model that was trained here is checked on its own data
    hf-metalr export ./my-model --format onnx --out my-model.onnx

  a model of the Hub, checked on your images
    hf-metalr export user/model --data ./scans --out model.onnx
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("model", metavar="MODEL", help="folder or Hub id of a fine-tuned model")
    add_fields(parser, ExportConfig)
    add_fields(parser, ModelConfig, without=("batch_size",))
    parser.add_argument("--json", action="store_true", help="print what was written and checked as JSON")


def run(options: argparse.Namespace) -> str:
    """Export and say what was checked."""
    from hf_metalr.exporting.onnx import run as export

    model = config_of(ModelConfig, options, model=options.model)
    result = export(config_of(ExportConfig, options, model=model))
    return json.dumps(result.to_dict(), indent=2, ensure_ascii=False) if options.json else str(result)


COMMAND = Command("a fine-tuned model as ONNX, checked", DESCRIPTION, EXAMPLES, add_options, run)
