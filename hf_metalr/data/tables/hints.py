"""A word where columns may mean something else: splits and patients that nobody divides by, names of images."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hf_metalr.data.opened import SUBFOLDER
from hf_metalr.data.splits.split_names import split_of
from hf_metalr.data.tables.columns import is_text, values_of

_NAME = re.compile(
    r"(?i:patient|subject|person|participant|donor)|(?<![A-Za-z])(?i:case|study|mrn|pid|sid|eid)s?(?![a-z])"
    r"|(?<=[a-z])(Case|Study)"
)
_ID = re.compile(r"(?<![A-Za-z])id$|I[Dd]$|uid$", re.ASCII)  # lesion_id, LesionID
_CODE = re.compile(r"(?=.*[A-Za-z])(?=.*\d)[\w.-]+", re.ASCII)  # p07, TCGA-02-0001; no number, date or word


def hints_of_patients(dataset: Any, used: Sequence[str]) -> list[str]:
    """Return a word on each column whose values come again and whose name, or values, are those of patients.

    Args:
        dataset: the table.
        used: columns that serve a purpose.
    """
    names = [name for name in dataset.column_names if name not in used and _is_like_patients(dataset, name)]
    return [f"column '{name}' may name patients: keep each on one side with --group-column" for name in names]


def hints_of_splits(dataset: Any, used: Sequence[str]) -> list[str]:
    """Return a word on each column of words such as train and test, which does not divide the rows unless it is named.

    Args:
        dataset: the table.
        used: columns that serve a purpose.
    """
    return [
        f"warning: column '{name}' names splits, and is not used: divide by it with --split-column {name}"
        for name in dataset.column_names
        if name not in used and _are_splits(dataset, name)
    ]


def hints_of_codes(dataset: Any, column: str, folder: Path) -> list[str]:
    """Return a word on an input of texts that are codes, as names of images that lie elsewhere are."""
    if not is_text(dataset.features[column]) or not _are_codes(values_of(dataset, column)):
        return []
    return [
        f"column '{column}' holds codes such as '{dataset[0][column]}', which are learned from as texts. If they name "
        f"images, these must lie in '{folder}' or in a folder there"
    ]


def _are_splits(dataset: Any, name: str) -> bool:
    feature = dataset.features[name]
    if getattr(feature, "names", None) is not None:
        words = set(feature.names)
    elif is_text(feature):
        words = {value for value in values_of(dataset, name) if value not in (None, "")}
    else:
        return False
    return len(words) > 1 and all(map(split_of, words))


def _are_codes(values: Iterable[str]) -> bool:
    return all(_CODE.fullmatch(value) for value in values)


def _is_like_patients(dataset: Any, name: str) -> bool:
    feature = dataset.features[name]
    whole = str(getattr(feature, "dtype", "")).startswith(("int", "uint"))
    if getattr(feature, "names", None) is not None or not (is_text(feature) or whole):
        return False
    values = [value for value in values_of(dataset, name) if value not in (None, "")]
    different = set(values)
    if not 1 < len(different) < len(values):
        return False
    if _NAME.search(name) or _ID.search(name) or name == SUBFOLDER:
        return True
    return is_text(feature) and len(different) > 2 and _are_codes(different)
