"""Options from the fields of config classes, and config objects from options: each is declared once, in its class."""

import argparse
from collections.abc import Collection
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, TypeVar

Config = TypeVar("Config")


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
