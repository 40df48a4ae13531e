"""Which splits of a source are read; every row of the others is accounted for."""

from collections.abc import Mapping, Sequence
from typing import Any

from hf_metalr.data.config import DataConfig
from hf_metalr.data.ledger import Ledger
from hf_metalr.data.near import near_misses
from hf_metalr.data.splits.split_names import split_of
from hf_metalr.data.tables.columns import values_of
from hf_metalr.errors import InputError, Parameter

Parts = dict[str | None, Any]


def row_name(split: str | None, row: int) -> str:
    """Return what a row is called, counted from 0 in its split.

    >>> row_name("test", 3), row_name(None, 3)
    ('row 3 of test', 'row 3')
    """
    return f"row {row}" if split is None else f"row {row} of {split}"


def choose_parts(
    parts: Mapping[str | None, Any], config: DataConfig, several_splits: bool
) -> tuple[Parts, Ledger, list[str]]:
    """Return the parts that are read, the ledger of all rows, and what is to be told.

    Args:
        parts: of the source.
        config: `split` names the one to read.
        several_splits: whether all of them are read where none is named; otherwise the only one or `train`.

    Raises:
        InputError: no rows, or a split that does not exist or has to be named.
    """
    rows = Ledger("row", sum(len(part) for part in parts.values()))
    filled = {name: part for name, part in parts.items() if len(part)}
    if not filled:
        raise InputError("data", f"has no rows: '{config.data[0]}'.")
    if config.split is not None:
        chosen, why = [_named(parts, config.split, config.data[0])], "is not the one that was chosen"
        notes = ["there are no splits: all rows are read"] if chosen == [None] else []
    elif several_splits or len(filled) == 1:
        chosen, why, notes = _known(filled), "is none to train, validate or test on", []
    else:
        chosen, why = [_training(filled, config.data[0])], "is not read"
        notes = [f"split '{chosen[0]}' of {', '.join(map(str, filled))} (choose another with --split)"]
    for name in filled:
        if name not in chosen:
            rows = left_out(rows, filled, name, f"split '{name}' {why}")
    return {name: filled[name] for name in chosen}, rows, notes


def leave_out_unlabelled(parts: Parts, rows: Ledger, columns: Sequence[str]) -> tuple[Parts, Ledger, list[str]]:
    """Leave out splits without labels, as the test splits of competitions are published; never all of them."""
    blind = [name for name, part in parts.items() if all(_is_blind(part, column) for column in columns)]
    if len(blind) == len(parts):
        return parts, rows, []
    for name in blind:
        rows = left_out(rows, parts, name, f"split '{name}' has no labels")
    kept = {name: part for name, part in parts.items() if name not in blind}
    return kept, rows, [f"left out: the splits without labels, {', '.join(map(str, blind))}"] if blind else []


def joined(parts: Parts, used: Sequence[str], source: str) -> tuple[Any, list[str]]:
    """Return one data set of all parts with the columns that all of them have.

    Raises:
        InputError: a column that is used is missing in a part, or has another type or other classes there.
    """
    from datasets import concatenate_datasets

    first = next(iter(parts.values())).features
    differing = sorted(
        {
            name
            for part in parts.values()
            for name in {*part.features, *first}
            if part.features.get(name) != first.get(name)
        }
    )
    if wrong := [name for name in differing if name in used]:
        raise InputError(
            "data",
            f"must have the same columns and classes in all splits, but those of '{source}' differ in "
            f"{', '.join(wrong)}. Write them alike, or choose one with ",
            Parameter("split"),
            ".",
        )
    kept = [name for name in first if name not in differing]
    dataset = concatenate_datasets([part.select_columns(kept) for part in parts.values()])
    return dataset, [f"not read, since the splits differ in them: {', '.join(differing)}"] if differing else []


def left_out(rows: Ledger, parts: Mapping[str | None, Any], name: str | None, reason: str) -> Ledger:
    """Return the ledger without all rows of a part."""
    return rows.without(reason, [row_name(name, row) for row in range(len(parts[name]))])


def is_missing(value: Any) -> bool:
    """Return whether a cell holds nothing: None, blanks alone, or NaN."""
    return value is None or (isinstance(value, str) and not value.strip()) or value != value


def _named(parts: Mapping[str | None, Any], wanted: str, source: str) -> str | None:
    if None in parts:
        if split_of(wanted) == "train":  # what `datasets` calls data without splits
            return None
        raise InputError("split", f"'{wanted}' cannot be chosen: '{source}' has no splits. Leave it out.")
    same = [name for name in parts if name is not None and split_of(name) == split_of(wanted) is not None]
    found = wanted if wanted in parts else next(iter(same), None)
    if found is None:
        names = [str(name) for name in parts]
        raise InputError("split", f"'{wanted}' does not exist in '{source}'. The splits {near_misses(wanted, names)}.")
    if not len(parts[found]):
        raise InputError("split", f"'{wanted}' has no rows in '{source}'. Choose another one.")
    return found


def _known(filled: Parts) -> list[str | None]:
    """Leave out splits such as `unsupervised` where there is one to train on."""
    names = {name: None if name is None else split_of(name) for name in filled}
    return [name for name, split in names.items() if split is not None] if "train" in names.values() else list(names)


def _training(filled: Parts, source: str) -> str | None:
    train = [name for name in filled if name is not None and split_of(name) == "train"]
    if not train:
        raise InputError(
            "split", f"must name one split of '{source}'. The splits {near_misses('', list(map(str, filled)))}."
        )
    return train[0]


def _is_blind(part: Any, column: str) -> bool:
    from datasets import ClassLabel

    feature = part.features.get(column)
    if feature is None or getattr(feature, "dtype", None) == "null":
        return True
    if isinstance(feature, ClassLabel):
        return set(values_of(part, column)) <= {-1, None}
    return not hasattr(feature, "decode") and all(is_missing(value) for value in values_of(part, column))
