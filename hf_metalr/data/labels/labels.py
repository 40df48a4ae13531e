"""What cells of labels mean: one reading of classes and of several labels, for every command."""

import logging
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hf_metalr.data.tables.parts import is_missing
from hf_metalr.errors import InputError, Parameter

SEPARATOR = "|"  # between several labels in one cell, as in the table of ChestX-ray14
DOUBTFUL = (";", ",")  # may stand between labels, and within the name of one
FEW = 20  # different whole numbers are taken for classes also where they are written with a fraction
_WHOLE = re.compile(r"[+-]?\d+")
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelColumn:
    """A column of labels.

    Attributes:
        name: of the column.
        feature: its type in `datasets`.
        values: of all rows.
        row_name: what a row is called in messages.
    """

    name: str
    feature: Any
    values: list[Any]
    row_name: Callable[[int], str]

    def complete(self) -> list[Any]:
        """Return the values.

        Raises:
            InputError: one is missing.
        """
        missing = [row for row, value in enumerate(self.values) if is_missing(value)]
        if missing:
            raise self.wrong(
                f"must have a value in every row, found {len(missing)} of {len(self.values)} rows without one (the "
                f"first is {self.row_name(missing[0])}). Remove them."
            )
        return self.values

    def first(self, *wanted: Any) -> str:
        """Return what the first row with one of these values is called."""
        return self.row_name(next(row for row, value in enumerate(self.values) if value in wanted))

    def wrong(self, words: str, *more: str) -> InputError:
        """Return the error that says what is wrong with the column."""
        return InputError("label_column", f"'{self.name}' {words}", *more)


def clean(word: str) -> str:
    """Return a word as labels are compared: without blanks around it, and in one form of Unicode."""
    return unicodedata.normalize("NFC", word).strip()


def in_order(names: Iterable[Any]) -> list[Any]:
    """Return different labels in the order of their numbers: alphabetical, and numbers by size.

    >>> in_order({"b", "a"}), in_order({"10", "9"}), in_order({3, 1})
    (['a', 'b'], ['9', '10'], [1, 3])
    """
    texts = {name: str(name) for name in names}
    if all(_WHOLE.fullmatch(text) for text in texts.values()):
        return sorted(texts, key=lambda name: (int(texts[name]), texts[name]))
    return sorted(texts, key=lambda name: texts[name])


def unwrapped(values: Sequence[Any]) -> list[Any]:
    """Return labels of which each stands in a list of its own, as MedMNIST stores them, without those lists.

    >>> unwrapped([[1], [0]]), unwrapped([[1], [0, 1]])
    ([1, 0], [[1], [0, 1]])
    """
    alone = all(
        isinstance(value, list) and len(value) == 1 and not isinstance(value[0], str | list) for value in values
    )
    return [value[0] for value in values] if alone else list(values)


def is_multi_hot(values: Sequence[Any]) -> bool:
    """Return whether these are rows of 0 and 1, one for every label, rather than lists of labels."""
    widths = {len(value) if isinstance(value, list) else 0 for value in values}
    return len(widths) == 1 and widths.pop() > 1 and all(entry in (0, 1) for value in values for entry in value)


def is_whole(values: Iterable[Any]) -> bool:
    """Return whether all these numbers are whole, however they are written."""
    return all(isinstance(value, int | float) and float(value).is_integer() for value in values)


def is_whole_number(text: str) -> bool:
    """Return whether a text is a whole number."""
    return _WHOLE.fullmatch(text) is not None


def warn_of_cases(words: Iterable[str], column: str) -> None:
    """Warn of words that differ in capital letters alone."""
    alike: dict[str, set[str]] = {}
    for word in words:
        alike.setdefault(word.casefold(), set()).add(word)
    for same in (same for same in alike.values() if len(same) > 1):
        text = "column '%s' has %s as different classes. Write them alike if they are one"
        logger.warning(text, column, " and ".join(sorted(same)))


def separator_between(values: Iterable[str]) -> str | None:
    """Return the first of | ; , that stands in a cell, None where none does."""
    found = {mark for value in values for mark in (SEPARATOR, *DOUBTFUL) if mark in value}
    return next((mark for mark in (SEPARATOR, *DOUBTFUL) if mark in found), None)


def require_plain_meaning(column: LabelColumn) -> None:
    """Ask about text in which ; or , may stand between labels: a label there occurs again beside others or alone.

    Raises:
        InputError: the question, with what either answer would mean. Numbers with a decimal comma are named as such.
    """
    words = [clean(value) for value in column.values]
    different = dict.fromkeys(words)
    if all(_COMMA_NUMBER.fullmatch(word) or is_whole_number(word) for word in different):
        if comma := next((word for word in different if "," in word), None):
            raise column.wrong(
                f"holds numbers with a comma such as '{comma}'. Write a point, '{comma.replace(',', '.')}', or remove "
                "the comma of thousands."
            )
        return
    for mark in DOUBTFUL:
        homes: dict[str, set[str]] = {}
        for word in different:
            for part in word.split(mark):
                homes.setdefault(part.strip(), set()).add(word)
        for word in different:
            parts = [part.strip() for part in word.split(mark)]
            if len(parts) > 1 and any(len(homes[part]) > 1 for part in parts):
                raise column.wrong(
                    f"has text with '{mark}' in {column.row_name(words.index(word))}, '{word}'. Are these the labels "
                    f"{' and '.join(repr(part) for part in parts)}? Then choose ",
                    Parameter("task"),
                    f" multi-label ({len(homes)} labels), or write {SEPARATOR} between them. Or is all of it the name "
                    "of one class? Then choose ",
                    Parameter("task"),
                    f" classification ({len(different)} classes).",
                )
