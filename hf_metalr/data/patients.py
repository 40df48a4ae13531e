"""Columns that nobody uses and that may say which rows belong to one patient: a split by rows flatters the scores."""

import re
from collections.abc import Sequence
from typing import Any

from hf_metalr.data.columns import is_text, values_of
from hf_metalr.data.opened import SUBFOLDER

_NAME = re.compile(
    r"(?i:patient|subject|person|participant|donor)|(?<![A-Za-z])(?i:case|study|mrn|pid|sid|eid)s?(?![a-z])"
    r"|(?<=[a-z])(Case|Study)"
)
_ID = re.compile(r"(?<![A-Za-z])id$|I[Dd]$|uid$", re.ASCII)  # lesion_id, LesionID
_CODE = re.compile(r"(?=.*[A-Za-z])(?=.*\d)[\w.-]+", re.ASCII)  # p07, TCGA-02-0001; no number, date or word


def like_patients(dataset: Any, used: Sequence[str]) -> list[str]:
    """Return the columns whose values come again and whose names, or values, are those of patients.

    Args:
        dataset: the table.
        used: columns that serve a purpose.
    """
    return [name for name in dataset.column_names if name not in used and _is_like_patients(dataset, name)]


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
    return is_text(feature) and len(different) > 2 and all(_CODE.fullmatch(value) for value in different)
