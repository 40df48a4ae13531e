"""Options for the settings of learned rates, which are declared in `LearnedRateOptions`."""

import argparse
import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_args

from hf_metalr.options.learned_rates import LearnedRateOptions


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


_TYPES: dict[type, Callable[[str], Any]] = {int: int, float: float, str: str, dict: word_or_object}
_METAVARS = {int: "N", float: "X"}


def add_field_options(parser: argparse.ArgumentParser) -> None:
    """Add one option per field; one that is not given is left to the class."""
    group = parser.add_argument_group("learned rates", "The arguments of MetaLRTrainingArguments.")
    for field in fields(LearnedRateOptions):
        option, text = f"--{field.name.replace('_', '-')}", field.metadata["help"]
        kind: Any = next(iter(get_args(field.type)), field.type)
        if kind is bool:
            text += " (default: on)" if field.default else ""
            group.add_argument(option, action=argparse.BooleanOptionalAction, default=None, help=text)
        else:
            shown = "" if field.default is None or "default" in text else f" (default: {field.default})"
            group.add_argument(option, type=_TYPES[kind], metavar=_METAVARS.get(kind, "VALUE"), help=text + shown)


def field_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return what was given for the fields."""
    values = {field.name: getattr(options, field.name) for field in fields(LearnedRateOptions)}
    return {name: value for name, value in values.items() if value is not None}
