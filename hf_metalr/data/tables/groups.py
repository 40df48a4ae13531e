"""Which rows belong to one patient: by a column, by the names of files, or by a table of its own."""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_metalr.data.config import DataConfig
from hf_metalr.data.labels.labels import clean
from hf_metalr.data.tables.columns import values_of
from hf_metalr.data.tables.parts import is_missing
from hf_metalr.data.tables.table import Table
from hf_metalr.errors import InputError, Parameter

SHOWN = 5
_PERSON = re.compile(r"patient|subject|participant|donor|person|study|case", re.IGNORECASE)
_PLURALS = {"study": "studies"}
ReadGroups = Callable[[Path, Sequence[str | None]], Sequence[Hashable]]


def find_groups(
    table: Table, config: DataConfig, read_groups: ReadGroups | None = None
) -> tuple[list[Hashable], str] | None:
    """Return the group (patient) of each row, and what the groups are called; None where the user names none.

    Args:
        table: the rows.
        config: `group_column`, `group_pattern` or `groups` says where they are.
        read_groups: returns the groups of files from the table `groups`.

    Raises:
        InputError: two ways at once, rows without a group, or a pattern that does not fit. All rows are counted.
    """
    given = [name for name in ("group_column", "group_pattern", "groups") if getattr(config, name) is not None]
    if not given:
        return None
    if len(given) > 1:
        raise InputError(given[0], "and ", Parameter(given[1]), " both say which rows belong together. Give one.")
    if config.group_column is not None:
        return _by_column(table, config.group_column), config.group_column
    files = table.files()
    if None in files:
        raise InputError(
            given[0],
            f"takes the names of files, but the inputs in column '{table.input_columns[0]}' have none, first in "
            f"{table.name(files.index(None))}. Name a column with ",
            Parameter("group_column"),
            ".",
        )
    if config.group_pattern is not None:
        return _by_pattern(table, config.group_pattern, files), f"'{config.group_pattern}'"
    assert config.groups is not None
    assert read_groups is not None
    return list(read_groups(config.groups, files)), config.groups.name


def told_groups(splits: Mapping[str, Sequence[int]], groups: Sequence[Hashable], name: str) -> str:
    """Return how many groups each split has, and how many are shared.

    >>> told_groups({"train": [0, 1], "test": [2]}, ["a", "b", "c"], "patient_id")
    'split by patient_id: 2 / 1 patients, none shared'
    """
    members = {split: {groups[row] for row in rows} for split, rows in splits.items()}
    sides: dict[Hashable, int] = {}
    for found in members.values():
        for group in found:
            sides[group] = sides.get(group, 0) + 1
    shared = sorted((str(group) for group, count in sides.items() if count > 1))
    counts = " / ".join(str(len(found)) for found in members.values())
    words = f"{len(shared)} shared, such as '{shared[0]}': scores will flatter" if shared else "none shared"
    return f"split by {name}: {counts} {_unit(name)}, {words}"


def _unit(name: str) -> str:
    match = _PERSON.search(name)
    if match is None:
        return "groups"
    word = match[0].lower()
    return _PLURALS.get(word, f"{word}s")


def _by_column(table: Table, column: str) -> list[Hashable]:
    values: list[Any] = values_of(table.dataset, column)
    missing = [row for row, value in enumerate(values) if is_missing(value)]
    if missing:
        shown = ", ".join(table.name(row) for row in missing[:SHOWN]) + ", …" * (len(missing) > SHOWN)
        raise InputError(
            "group_column",
            f"'{column}' must have a value in every row, found {len(missing)} of {len(values)} rows without one "
            f"({shown}). Fill them in, or remove the rows.",
        )
    strange = next((value for value in values if not isinstance(value, Hashable)), None)
    if strange is not None:
        raise InputError(
            "group_column",
            f"'{column}' must hold words or numbers, found {type(strange).__name__}. Name another column.",
        )
    return [clean(value) if isinstance(value, str) else value for value in values]


def _by_pattern(table: Table, pattern: str, files: Sequence[str | None]) -> list[Hashable]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise InputError("group_pattern", f"must be a regular expression, found '{pattern}': {error}.") from error
    matches = [compiled.search(file or "") for file in files]
    groups = [match and (match[1] if compiled.groups else match[0]) for match in matches]
    lost = [row for row, group in enumerate(groups) if not group]
    if lost:
        shown = ", ".join(f"'{files[row]}'" for row in lost[:SHOWN]) + ", …" * (len(lost) > SHOWN)
        raise InputError(
            "group_pattern",
            f"'{pattern}' must match every file's name, not found in {len(lost)} of {len(files)}: {shown}. The names "
            "are relative to the data, with / between folders.",
        )
    return list(groups)
