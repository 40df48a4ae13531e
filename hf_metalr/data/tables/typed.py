"""What a column of cells of text holds: whole numbers, numbers, true and false, or words; one type for all rows."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

# A code such as 007 is no number: the patient 7 is another.
_WHOLE = re.compile(r"[+-]?(0|[1-9]\d*)")
_NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE | re.ASCII)
_COMMA_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(,\d+)?([eE][+-]?\d+)?", re.ASCII)
_TRUTHS = {"true": True, "false": False}
# What statistics programs write into a cell without a number. In a column of words they are words, such as a class NA.
MISSING = {"na", "n/a", "nan", "null", "none", "<na>", "#n/a"}
_LARGEST = 2**63


def typed(name: str, cells: Sequence[str], decimal_comma: bool = False) -> tuple[list[Any], list[str]]:
    """Return the values of a column, None for empty cells, and what is to be told of them.

    >>> typed("age", ["41", "", "NA"])
    ([41, None, None], ["column 'age': 'NA' is read as empty among numbers"])
    >>> typed("grade", ["NA", "mild", ""]), typed("patient", ["007", "12"])
    ((['NA', 'mild', None], []), (['007', '12'], []))
    """
    texts = {cell: cell.strip() for cell in set(cells)}
    filled = {text for text in texts.values() if text}
    words = {text for text in filled if text.lower() in MISSING}
    convert, notes = _conversion(filled - words, decimal_comma)
    if convert is None:
        return [cell if texts[cell] else None for cell in cells], []
    if words:
        notes.append(f"{', '.join(repr(word) for word in sorted(words))} is read as empty among numbers")
    values = {cell: convert(text) if text and text not in words else None for cell, text in texts.items()}
    return [values[cell] for cell in cells], [f"column '{name}': {note}" for note in notes]


def _conversion(filled: set[str], decimal_comma: bool) -> tuple[Callable[[str], Any] | None, list[str]]:
    """Return what turns every one of these texts into its value, None where they are words."""
    if not filled:
        return None, []
    if _all(_WHOLE, filled) and all(abs(int(text)) < _LARGEST for text in filled):
        return int, []
    if _all(_NUMBER, filled):
        return float, []
    if all(text.lower() in _TRUTHS for text in filled):
        return lambda text: _TRUTHS[text.lower()], []
    if decimal_comma and _all(_COMMA_NUMBER, filled):
        return lambda text: float(text.replace(",", ".")), ["numbers with a decimal comma"]
    return None, []


def _all(pattern: re.Pattern[str], texts: Iterable[str]) -> bool:
    return all(pattern.fullmatch(text) for text in texts)
