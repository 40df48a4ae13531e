"""Tables of text cells, in the three forms that results are printed in: Markdown, console, CSV."""

import csv
import io
from collections.abc import Sequence

Cells = Sequence[str]


def markdown_table(header: Cells, rows: Sequence[Cells]) -> str:
    """Return a Markdown table, or nothing without rows. A bar inside a cell would end it, so it is escaped.

    >>> print(markdown_table(["layer", "T"], [("head", "1.02")]))
    | layer | T |
    | --- | --- |
    | head | 1.02 |
    """
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def console_table(header: Cells, rows: Sequence[Cells]) -> str:
    """Return columns aligned by spaces, the first to the left and numbers to the right.

    >>> print(console_table(["layer", "T"], [("stem", "3.44"), ("head", "12.00")]))
    layer      T
    stem    3.44
    head   12.00
    """
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    aligned = (
        [
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    )
    return "\n".join("  ".join(line).rstrip() for line in aligned)


def csv_table(header: Cells, rows: Sequence[Cells]) -> str:
    r"""Return comma-separated values with quotes where they are needed, one line per row.

    >>> csv_table(["model", "kNN"], [("a, b", "0.5")])
    'model,kNN\n"a, b",0.5\n'
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()
