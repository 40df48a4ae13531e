"""Options for the fields of `MetaLRTrainingArguments`, read from its source so that `--help` need not import torch."""

import argparse
import ast
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hf_metalr

SOURCE = Path(hf_metalr.__file__).parent / "trainer" / "arguments.py"
CLASS_NAME = "MetaLRTrainingArguments"


@dataclass(frozen=True)
class ArgumentField:
    """One field: kind is the first type of its annotation."""

    name: str
    kind: str
    default: Any
    help: str


def read_fields() -> list[ArgumentField]:
    """Return the fields that the class adds to `TrainingArguments`, in their order.

    >>> read_fields()[0].name
    'meta_estimator'
    """
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == CLASS_NAME).body
    return [_field(node) for node in body if isinstance(node, ast.AnnAssign)]


def _field(node: ast.AnnAssign) -> ArgumentField:
    assert isinstance(node.target, ast.Name)
    assert isinstance(node.value, ast.Call)
    settings = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.value.keywords}
    kind = ast.unparse(node.annotation).split(" | ")[0]
    return ArgumentField(node.target.id, kind, settings["default"], settings["metadata"]["help"])


def word_or_object(text: str) -> str:
    """Return the text, for argparse, if it is a word or a JSON object, which the class parses.

    >>> word_or_object("block")
    'block'

    Raises:
        argparse.ArgumentTypeError: it begins like an object and is none.
    """
    if text.startswith("{"):
        try:
            json.loads(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"must be a word or a JSON object, found '{text}': {error}") from error
    return text


_TYPES: dict[str, Callable[[str], Any]] = {"int": int, "float": float, "str": str, "dict": word_or_object}


def add_field_options(parser: argparse.ArgumentParser) -> None:
    """Add one option per field; one that is not given is left to the class."""
    group = parser.add_argument_group("learned rates", "The arguments of MetaLRTrainingArguments.")
    for field in read_fields():
        option, text = f"--{field.name.replace('_', '-')}", field.help
        if field.kind == "bool":
            text += " (default: on)" if field.default else ""
            group.add_argument(option, action=argparse.BooleanOptionalAction, default=None, help=text)
        else:
            metavar = {"int": "N", "float": "X"}.get(field.kind, "VALUE")
            shown = "" if field.default is None or "default" in text else f" (default: {field.default})"
            group.add_argument(option, type=_TYPES[field.kind], metavar=metavar, help=text + shown)


def field_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return what was given for the fields."""
    values = {field.name: getattr(options, field.name) for field in read_fields()}
    return {name: value for name, value in values.items() if value is not None}
