"""Options from the fields of configs, where each is declared once; and back: configs, and errors in their words."""

import argparse
from collections.abc import Callable, Collection
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from hf_metalr.errors import InputError
from hf_metalr.options.learned_rates import LearnedRateOptions, word_or_object

Config = TypeVar("Config")
_TYPES: dict[type, Callable[[str], Any]] = {int: int, float: float, str: str, dict: word_or_object}
_METAVARS = {int: "N", float: "X"}


def add_options(
    parser: argparse.ArgumentParser,
    config: type,
    *,
    title: str | None = None,
    without: Collection[str] = (),
    **defaults: Any,
) -> None:
    """Add one option per field that was declared with `hf_metalr.options.option`, under the headings of the fields.

    Args:
        parser: of the command.
        config: a dataclass.
        title: heading of fields that name none; None puts them at the top.
        without: fields that this command does not take.
        defaults: other defaults than those of the class; of a field that must be given, ``None`` makes it optional.
    """
    groups: dict[str | None, Any] = {None: parser}
    for entry in fields(config):
        words = entry.metadata.get("option")
        if words is None or entry.name in without:
            continue
        heading = words["group"] or title
        if heading not in groups:
            groups[heading] = parser.add_argument_group(heading)
        _add(groups[heading], entry, words, defaults)


def config_of(config: type[Config], options: argparse.Namespace, **others: Any) -> Config:
    """Return the config that the options say; what is not given is left to the class.

    Args:
        config: a dataclass.
        options: of a parser with its options.
        others: fields that are no options.
    """
    given = {}
    for entry in fields(config):  # type: ignore[arg-type]
        value = getattr(options, entry.name, None)
        if "option" in entry.metadata and value is not None:
            given[entry.name] = _value(entry, value)
    return config(**(given | others))


def add_field_options(parser: argparse.ArgumentParser) -> None:
    """Add one option per setting of learned rates (`LearnedRateOptions`); what is not given is left to it."""
    group = parser.add_argument_group("learned rates", "The arguments of MetaLRTrainingArguments.")
    # Not `field.type`: Transformers' HfArgumentParser writes its own into the fields of a class that it has seen.
    hints = get_type_hints(LearnedRateOptions)
    for field in fields(LearnedRateOptions):
        option, text = f"--{field.name.replace('_', '-')}", field.metadata["help"]
        kind: Any = next(iter(get_args(hints[field.name])), hints[field.name])
        if kind is bool:
            text += " (default: on)" if field.default else ""
            group.add_argument(option, action=argparse.BooleanOptionalAction, default=None, help=text)
        else:
            shown = "" if field.default is None or "default" in text else f" (default: {field.default})"
            group.add_argument(option, type=_TYPES[kind], metavar=_METAVARS.get(kind, "VALUE"), help=text + shown)


def field_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return what was given for the settings of learned rates."""
    values = {field.name: getattr(options, field.name) for field in fields(LearnedRateOptions)}
    return {name: value for name, value in values.items() if value is not None}


def spelt_for(parser: argparse.ArgumentParser, error: BaseException) -> str:
    """Return the message of an error in one line, with parameters as the options of a command.

    >>> parser = argparse.ArgumentParser()
    >>> _ = parser.add_argument("--label-column")
    >>> spelt_for(parser, InputError("label_column", "'x' does not exist."))
    "--label-column 'x' does not exist."
    """
    options = {action.dest: action.option_strings[0] for action in parser._actions if action.option_strings}

    def spell(name: str) -> str:
        return options.get(name, f"`{name}`")

    text = error.spelt(spell) if isinstance(error, InputError) else str(error)
    return " ".join(text.split()) or type(error).__name__


def _add(place: Any, entry: Field, words: dict[str, Any], defaults: dict[str, Any]) -> None:
    name = words["name"] or f"--{entry.name.replace('_', '-')}"
    default = defaults.get(entry.name, None if entry.default is MISSING else entry.default)
    if entry.type is bool:
        place.add_argument(name, dest=entry.name, action="store_true", help=words["help"])
        return
    text = words["help"] + (f" (default: {default})" if default is not None and "(default" not in words["help"] else "")
    place.add_argument(
        name,
        dest=entry.name,
        action="extend" if _is_mapping(entry) else "store",
        nargs="+" if words["several"] else "?" if words["optional"] is not None else None,
        const=words["optional"],
        type=words["type"] or (Path if "Path" in str(entry.type) else None),
        metavar=words["metavar"],
        choices=words["choices"],
        required=entry.default is MISSING and entry.default_factory is MISSING and entry.name not in defaults,
        default=default,
        help=text,
    )


def _is_mapping(entry: Field) -> bool:
    return entry.default_factory is not MISSING


def _value(entry: Field, value: Any) -> Any:
    if _is_mapping(entry):
        return dict(value)
    return tuple(value) if entry.metadata["option"]["several"] else value
