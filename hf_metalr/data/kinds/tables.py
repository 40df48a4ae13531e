"""Tables: CSV, TSV, JSON, JSON lines and parquet files, each named explicitly; train, val and test are splits.

Text is read here rather than by pandas, which gives every 10,000 rows a type of their own, takes the word NA for an
empty cell and 007 for 7, and renames columns. `datasets` reads parquet.
"""

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_metalr.data.ledger import Ledger
from hf_metalr.data.opened import SUBFOLDER, Opened
from hf_metalr.data.splits.split_names import split_of
from hf_metalr.data.tables.delimited import read_cells
from hf_metalr.data.tables.json_records import read_json
from hf_metalr.data.tables.typed import typed
from hf_metalr.errors import InputError

KINDS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")  # how the Hub numbers the parts of a split
_PANDAS_INDEX = re.compile(r"__index_level_\d+__|Unnamed: ?\d+")


def open_tables(files: Sequence[Path], source: str) -> Opened:
    """Read tables of one kind.

    A file whose whole name, or one of whose folders below the common one, is a split word is that split; files of one
    split, or all files where none names a split, are joined in the order given. Files in several folders get the column
    `subfolder`, by which paths in them are found.

    Args:
        files: that exist.
        source: what the user named, for messages.

    Raises:
        InputError: files of several kinds, some with splits in their names and some without, other columns or types of
            them among the files of a split, or a file that cannot be read.
    """
    _require_once(files)
    kind, folder = _kind(files, source), Path(os.path.commonpath([file.absolute().parent for file in files]))
    splits, notes = _splits(files, folder, source)
    read = {file: _read(file, kind) for file in files}
    filled = {file: part for file, part in read.items() if part.rows}
    if not filled:
        raise InputError("data", f"has no rows: '{source}'.")
    places = {file: str(file.absolute().parent.relative_to(folder)) for file in filled}
    if len(set(places.values())) > 1:
        for file, part in filled.items():
            part.columns.setdefault(SUBFOLDER, [places[file]] * part.rows)
    ledger = Ledger("file", len(files)).without("no rows", [str(f.name) for f in files if f not in filled])
    notes += [note for part in read.values() for note in part.notes]
    if kind == "parquet":
        parts = {name: _joined(_of(name, splits, filled)) for name in _names(splits, filled)}
    else:
        parts = _typed(splits, filled, notes)
    return Opened(parts, folder, ledger, notes)


class _Part:
    """What one file holds: columns of values or, of parquet, a data set."""

    def __init__(
        self, columns: dict[str, Any], notes: list[str], decimal_comma: bool = False, dataset: Any = None
    ) -> None:
        self.columns, self.notes, self.decimal_comma, self.dataset = columns, notes, decimal_comma, dataset
        self.rows = len(dataset) if dataset is not None else len(next(iter(columns.values()), []))


def _require_once(files: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for file in files:
        if file.resolve() in seen:
            raise InputError("data", f"must name a file once, found '{file}' twice. Leave one out.")
        seen.add(file.resolve())


def _kind(files: Sequence[Path], source: str) -> str:
    suffixes = sorted({file.suffix.lower() for file in files})
    kinds = {KINDS.get(suffix, suffix) for suffix in suffixes}
    if len(kinds) > 1 or not kinds <= set(KINDS.values()):
        raise InputError(
            "data",
            f"must name files of one kind, {', '.join(KINDS)}, found {', '.join(suffixes)} in '{source}'. Name those "
            "of one kind; save spreadsheets as 'CSV UTF-8'.",
        )
    return kinds.pop()


def _splits(files: Sequence[Path], folder: Path, source: str) -> tuple[dict[Path, str | None], list[str]]:
    splits = {file: _split(file, folder) for file in files}
    others = [file.name for file, name in splits.items() if name is None]
    named = {name: file.absolute().relative_to(folder).as_posix() for file, name in splits.items() if name is not None}
    if named and others:
        raise InputError(
            "data",
            f"must name the split of every file or of none, found {', '.join(named.values())} beside "
            f"{', '.join(others[:5])} in '{source}'. Give the files to be read one by one, and rename those that are "
            "no split.",
        )
    told = ", ".join(f"{name} from '{file}'" for name, file in named.items())
    return splits, [f"splits by the names of the files: {told}"] if len(named) > 1 else []


def _split(file: Path, folder: Path) -> str | None:
    parts = file.absolute().relative_to(folder).parts
    return next((name for part in (_SHARD.sub("", file.stem), *parts[:-1]) if (name := split_of(part))), None)


def _read(file: Path, kind: str) -> _Part:
    if not file.stat().st_size:
        raise InputError("data", f"names an empty file, '{file}'. Leave it out.")
    if kind == "csv":
        cells = read_cells(file)
        return _Part(cells.columns, cells.notes, cells.decimal_comma)
    if kind == "json":
        return _Part(*read_json(file))
    dataset = _read_parquet(file)
    index = [name for name in dataset.column_names if _PANDAS_INDEX.fullmatch(name)]
    notes = [f"column '{name}' of '{file.name}' is the index of pandas and is not read" for name in index]
    return _Part({}, notes, dataset=dataset.remove_columns(index))


def _read_parquet(file: Path) -> Any:
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    try:  # escaped, because the library takes brackets and the like for patterns
        return load_dataset("parquet", data_files=glob.escape(str(file.absolute())), split="train")
    except (DatasetsError, OSError, RuntimeError, ValueError) as error:
        if "corresponds to no data" in str(error):
            from datasets import Dataset

            return Dataset.from_dict({})
        raise InputError("data", f"cannot be read: {error.__cause__ or error} in '{file}'.") from error


def _names(splits: dict[Path, str | None], filled: dict[Path, _Part]) -> list[str | None]:
    return list(dict.fromkeys(splits[file] for file in filled))


def _of(name: str | None, splits: dict[Path, str | None], filled: dict[Path, _Part]) -> dict[Path, _Part]:
    return {file: part for file, part in filled.items() if splits[file] == name}


def _joined(parts: dict[Path, _Part]) -> Any:
    """Join the parquet files of a split."""
    from datasets import Value, concatenate_datasets

    pieces = []
    for file, part in parts.items():
        piece, first = part.dataset, next(iter(parts.values())).dataset
        for name, values in part.columns.items():
            piece = piece.add_column(name, values)
        for name in piece.column_names:  # two spellings of text
            if getattr(piece.features[name], "dtype", None) == "large_string":
                piece = piece.cast_column(name, Value("string"))
        pieces.append(piece)
        first = pieces[0]
        _require_same_columns(next(iter(parts)), first.column_names, file, piece.column_names)
        other = [name for name in first.column_names if piece.features[name] != first.features[name]]
        if other:
            raise InputError(
                "data",
                f"must have the same types of columns in all files, but '{file}' has {piece.features[other[0]]} in "
                f"'{other[0]}', and '{next(iter(parts))}' {first.features[other[0]]}. Write them alike.",
            )
    return concatenate_datasets([piece.select_columns(pieces[0].column_names) for piece in pieces])


def _require_same_columns(first: Path, names: Sequence[str], file: Path, found: Sequence[str]) -> None:
    if differing := sorted({*names} ^ {*found}):
        raise InputError(
            "data",
            f"must have the same columns in all files, but '{first}' and '{file}' differ in {', '.join(differing)}. "
            "Give them one header, or name one file.",
        )


def _typed(splits: dict[Path, str | None], filled: dict[Path, _Part], notes: list[str]) -> dict[str | None, Any]:
    """Return a data set of every split; a column has one type in all files that have it."""
    names = _names(splits, filled)
    ordered = {file: part for name in names for file, part in _of(name, splits, filled).items()}
    for name in names:
        same = _of(name, splits, filled)
        for file, part in same.items():
            _require_same_columns(next(iter(same)), list(next(iter(same.values())).columns), file, list(part.columns))
    comma = any(part.decimal_comma for part in ordered.values())
    is_text = all(KINDS[file.suffix.lower()] == "csv" for file in ordered)
    columns: dict[str, list[Any]] = {}
    for name in dict.fromkeys(name for part in ordered.values() for name in part.columns):
        values = [value for part in ordered.values() for value in part.columns.get(name, [None] * part.rows)]
        if is_text:
            values, told = typed(name, ["" if value is None else value for value in values], comma)
            notes += told
        columns[name] = values
    whole, start, parts = _stored(columns, notes), 0, {}
    for split in names:
        own = _of(split, splits, filled)
        stop = start + sum(part.rows for part in own.values())
        kept = [name for name in whole.column_names if name in next(iter(own.values())).columns]
        parts[split] = whole.select(range(start, stop)).select_columns(kept)
        start = stop
    return parts


def _stored(columns: dict[str, list[Any]], notes: list[str]) -> Any:
    """Return the columns as a data set, without those of nested records that have no one type, which are told.

    Raises:
        InputError: a column of words and numbers.
    """
    from datasets import Dataset

    try:
        return Dataset.from_dict(columns)
    except (TypeError, ValueError, OverflowError) as error:
        if len(columns) > 1:
            held = {name: _stored({name: values}, notes) for name, values in columns.items()}
            return Dataset.from_dict({name: columns[name] for name, one in held.items() if one is not None})
        ((name, values),) = columns.items()
        kinds = sorted({type(value).__name__ for value in values if value is not None})
        if {"list", "dict"} & {*kinds}:
            notes.append(f"column '{name}' is not read: its records have no one type ({error})")
            return None
        raise InputError(
            "data", f"must hold values of one kind in a column, found {' and '.join(kinds)} in '{name}' ({error})."
        ) from error
