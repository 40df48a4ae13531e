"""Groups of files (patients) from a table of their own: one column names the files, another the groups."""

import logging
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from hf_metalr.data.folders.naming import FileIndex
from hf_metalr.data.kinds.tables import open_tables
from hf_metalr.data.near import near_misses
from hf_metalr.errors import InputError

logger = logging.getLogger(__name__)
# Names of the column of groups, tried when a table has more than two columns.
GROUP_NAMES = (
    "group",
    "patient",
    "patient_id",
    "patientid",
    "subject",
    "subject_id",
    "case",
    "case_id",
    "pid",
    "lesion_id",
)


def read_groups(path: Path, files: Sequence[str | None]) -> list[Hashable]:
    """Return the group of every file.

    The column of files is the one whose cells name most of them, by path, name or name without suffix; the column of
    groups is the other one, or the one that is called group, patient, subject or case.

    Args:
        path: of the table: CSV, TSV, JSON or parquet.
        files: of every sample, relative to the folder of the data.

    Raises:
        InputError: with everything that is wrong: no column names the files, no column is that of the groups, files
            without a row, rows that could mean several files, or two groups for one file.
    """
    if not path.is_file():
        near = near_misses(path.name, sorted(p.name for p in path.parent.iterdir())) if path.parent.is_dir() else ""
        raise InputError("groups", f"'{path}' is no file." + f" In its folder there {near}." * bool(near))
    try:
        table = next(iter(open_tables([path], str(path)).parts.values()))
    except InputError as error:
        raise InputError("groups", *error.words) from error
    unknown = sum(file is None for file in files)
    if unknown:
        raise InputError(
            "groups", f"belongs to data in files, but {unknown} of {len(files)} samples have no file of their own."
        )
    names = [str(file) for file in files]
    column, hits = _file_column(path, table, names)
    groups = _group_column(path, table, column)
    return _matched(path, names, hits, column, table[groups][:])


def _file_column(path: Path, table: Any, files: Sequence[str]) -> tuple[str, list[list[str]]]:
    index = FileIndex(files)
    found = {name: [index.find(cell) for cell in table[name][:]] for name in table.column_names}
    best = max(found, key=lambda name: len({file for hit in found[name] for file in hit}))
    if not any(found[best]):
        raise InputError(
            "groups",
            f"'{path}' must have a column that names the files, such as '{files[0]}'; its columns are "
            f"{', '.join(table.column_names)}, and none names any.",
        )
    return best, found[best]


def _group_column(path: Path, table: Any, column: str) -> str:
    others = [name for name in table.column_names if name != column]
    usual = [name for wanted in GROUP_NAMES for name in others if name.lower().replace(" ", "_") == wanted]
    if len(others) == 1 or usual:
        return (usual or others)[0]
    raise InputError(
        "groups",
        f"'{path}' must have one column beside '{column}', or one called group or patient; found "
        f"{', '.join(others) or 'none'}. Leave the others out.",
    )


def _matched(
    path: Path, files: Sequence[str], hits: Sequence[list[str]], column: str, groups: Sequence[Any]
) -> list[Hashable]:
    found: dict[str, Hashable] = {}
    problems: list[str] = []
    unused = 0
    for row, (names, group) in enumerate(zip(hits, groups, strict=True)):
        if not names:
            unused += 1
        elif len(names) > 1:
            problems.append(f"row {row} could mean {' or '.join(names[:3])}")
        elif group is None or group == "" or group != group:
            problems.append(f"row {row} ('{names[0]}') has no group")
        elif found.setdefault(names[0], group) != group:
            problems.append(f"row {row} puts '{names[0]}' into {group}, a row before it into {found[names[0]]}")
    mentioned = {name for names in hits for name in names}
    lost = [name for name in dict.fromkeys(files) if name not in mentioned]
    problems += [f"no row names '{name}'" for name in lost]
    if problems:
        more = f"; and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise InputError(
            "groups",
            f"'{path}' must give every file one group, by its column '{column}': {'; '.join(problems[:10])}{more}.",
        )
    if unused:
        logger.info("groups: %d of %d rows of '%s' name no file of the data", unused, len(groups), path)
    logger.info("groups: %d files of %d groups, by '%s' of '%s'", len(files), len(set(found.values())), column, path)
    return [found[name] for name in files]
