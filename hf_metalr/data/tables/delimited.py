"""Text with separators (CSV, TSV) as columns of cells. A cell stays the text that it is; nothing is filled in."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from hf_metalr.data.tables.text_files import text_of_file
from hf_metalr.errors import InputError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
LOOKED_THROUGH = 50  # records, to find the separator
LONGEST_CELL = 2**31 - 1  # characters; the default of 131,072 refuses long documents
# Names of files stand below a header, not in it.
_FILE = re.compile(r".*\.(png|jpe?g|bmp|gif|tiff?|webp|dcm|nii(\.gz)?)", re.IGNORECASE)
_INDEX = re.compile(r"(Unnamed: ?\d+)?")  # what pandas calls the column of its index, in a file and after reading it


@dataclass(frozen=True)
class Cells:
    """What a file holds: its columns by name, all of one length, and what was decided on the user's behalf."""

    columns: dict[str, list[str]]
    decimal_comma: bool
    notes: list[str]


def read_cells(path: Path) -> Cells:
    """Read a file with separators; empty lines are no rows.

    Raises:
        InputError: columns without a name or with one name, rows that are too long or too short, a quotation without
            end, or another encoding than UTF-8 or marked UTF-16.
    """
    text, notes = text_of_file(path)
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    if hint := re.match(r"sep=(.)\r?\n", text):  # Excel's own way to say it
        text, separator = text[hint.end() :], hint[1]
    else:
        separator = _separator(text, usual)
    if separator != usual:
        notes.append(f"'{path.name}' is separated by {SEPARATORS.get(separator, repr(separator))}s")
    places, rows = _rows(path, text, separator, notes)
    if not rows:
        return Cells({}, False, notes)
    header = [name.strip() for name in rows[0]]
    body = [_fitted(row, header, path, place) for row, place in zip(rows[1:], places[1:], strict=True)]
    columns = [list(column) for column in zip(*body, strict=True)] if body else [[] for _ in header]
    return Cells(_named(header, columns, path, notes), separator != ",", notes)


def _separator(text: str, usual: str) -> str:
    """Return the separator that gives every record the same number of cells: the usual one, or the only other."""
    fitting = [separator for separator in SEPARATORS if _width(text, separator) > 1]
    if usual in fitting or len(fitting) != 1:
        return usual
    return fitting[0]


def _width(text: str, separator: str) -> int:
    try:
        widths = {len(record) for _, record in islice(_records(text, separator), LOOKED_THROUGH)}
    except csv.Error:
        return 0
    return widths.pop() if len(widths) == 1 else 0


def _records(text: str, separator: str, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL) -> Iterator[tuple[int, list[str]]]:
    """Yield the line in which each record ends, counted from 1, and its cells; lines of blanks alone are none."""
    header = text[: text.find("\n")]
    loose = re.search(rf"{re.escape(separator)} +\S", header) is not None  # a, b, "c, d"
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=loose, quoting=quoting)
    for record in reader:
        if len(record) > 1 or (record and record[0].strip()):
            yield reader.line_num, record


def _rows(path: Path, text: str, separator: str, notes: list[str]) -> tuple[list[int], list[list[str]]]:
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        found = list(_records(text, separator))
    except csv.Error as error:
        if separator != "\t":
            raise InputError(
                "data",
                f"cannot be read as a table: {error} in '{path}'. A quotation mark that opens a cell must be closed, "
                'and one inside a quoted cell is written twice ("").',
            ) from error
        found = list(_records(text, separator, csv.QUOTE_NONE))  # texts with tabs between them are often not quoted
        notes.append(f"quotation marks in '{path.name}' are parts of its texts, since they are not closed")
    finally:
        csv.field_size_limit(before)
    return [place for place, _ in found], [row for _, row in found]


def _fitted(row: list[str], header: list[str], path: Path, line: int) -> list[str]:
    """Return a row as long as the header: blanks at the end may be missing under no name, or be too many."""
    extra = len(row) - len(header)
    if (extra > 0 and any(cell.strip() for cell in row[len(header) :])) or (extra < 0 and any(header[extra:])):
        raise InputError(
            "data",
            f"must have as many cells in every row as the header has names, {len(header)}, found {len(row)} in the row "
            f"that ends in line {line} of '{path}'. Put cells that hold a separator into quotation marks.",
        )
    return row[: len(header)] + [""] * max(0, -extra)


def _named(header: list[str], columns: list[list[str]], path: Path, notes: list[str]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    if file := next(filter(_FILE.fullmatch, header), None):
        raise InputError(
            "data",
            f"must begin with a row of column names, found the name of a file, '{file}', in the first row of "
            f"'{path}'. Write a row above it, such as file,label.",
        )
    for number, (name, cells) in enumerate(zip(header, columns, strict=True), start=1):
        if _INDEX.fullmatch(name):
            if any(cells) and not _counts(cells):
                raise InputError(
                    "data", f"must name every column, found none for column {number} of '{path}'. Write it there."
                )
            if any(cells):
                notes.append(f"column {number} of '{path.name}' counts the rows and is not read")
            continue
        if name in named:
            raise InputError(
                "data", f"must name every column differently, found '{name}' twice in '{path}'. Rename one."
            )
        named[name] = cells
    return named


def _counts(cells: list[str]) -> bool:
    """Return whether a column without a name is an index: whole numbers, none of them twice."""
    return len(set(cells)) == len(cells) and all(cell.isdecimal() for cell in cells)
