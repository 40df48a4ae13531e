"""JSON as columns: records in a list or one a line, columns of equal length, or one field that holds the records."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from hf_metalr.data.tables.text_files import text_of_file
from hf_metalr.errors import InputError


def read_json(path: Path) -> tuple[dict[str, list[Any]], list[str]]:
    """Return the columns of a file, None where a record lacks a field, and what is to be told.

    Raises:
        InputError: text that does not parse, another form, or a field that stands twice in a record.
    """
    text, notes = text_of_file(path)
    content = _lines(path, text) if path.suffix.lower() in (".jsonl", ".ndjson") else _whole(path, text)
    if isinstance(content, dict):
        if columns := _columns(content):
            return columns, notes
        content, told = _inner(content)
        notes += told
    if not isinstance(content, list) or not all(isinstance(record, dict) for record in content):
        raise InputError(
            "data",
            f"must hold records, [{{…}}, {{…}}] or one a line, or columns of equal length, found something else in "
            f"'{path}'.",
        )
    names = dict.fromkeys(name for record in content for name in record)
    return {name: [record.get(name) for record in content] for name in names}, notes


def _lines(path: Path, text: str) -> list[Any]:
    return [_parsed(path, line, number) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]


def _whole(path: Path, text: str) -> Any:
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) > 1 and all(line.lstrip().startswith("{") and line.rstrip().endswith("}") for line in lines[:2]):
        return _lines(path, text)  # records one a line, whatever the suffix
    return _parsed(path, text) if lines else []


def _parsed(path: Path, text: str, line: int | None = None) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except ValueError as error:
        place = "" if line is None else f"line {line} of "
        raise InputError("data", f"is no JSON: {error} in {place}'{path}'.") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise InputError(None, f"the field '{twice}' stands there twice")
    return record


def _columns(content: dict[str, Any]) -> dict[str, list[Any]] | None:
    """Return columns as they stand in {"a": [1, 2]} and, by pandas' index, in {"a": {"0": 1, "1": 2}}."""
    values = list(content.values())
    if all(isinstance(value, list) for value in values) and len({len(value) for value in values}) == 1:
        # One column of records is a field with the data.
        return None if len(values) == 1 and all(isinstance(entry, dict) for entry in values[0]) else content
    if all(isinstance(value, dict) for value in values) and len({tuple(value) for value in values}) == 1:
        return {name: list(value.values()) for name, value in content.items()}
    return None


def _inner(content: dict[str, Any]) -> tuple[Any, list[str]]:
    """Return the records of the only field that holds any, or the one record that all of it is."""
    fields = [name for name, value in content.items() if value and isinstance(value, list) and _records(value)]
    if len(fields) != 1:  # a single record, unless these are columns of different lengths
        one = not fields and not all(isinstance(value, list) for value in content.values())
        return ([content] if one else None), []
    others = [name for name in content if name != fields[0]]
    return content[fields[0]], [
        f"records are read from the field '{fields[0]}'" + f", not {', '.join(others)}" * bool(others)
    ]


def _records(value: list[Any]) -> bool:
    return all(isinstance(entry, dict) for entry in value)
