"""What becomes of inputs that cannot be read: all are named before the work begins, or left out if the user says so."""

from collections.abc import Sequence
from typing import Any

from hf_metalr.cli.data.notes import note
from hf_metalr.cli.errors import UserError

SHOWN = 5


def damaged_rows(
    dataset: Any,
    columns: Sequence[str],
    rows: Sequence[int],
    places: Sequence[str],
    mask_column: str | None = None,
    skip: bool = False,
) -> set[int]:
    """Return which of these rows cannot be read, and tell the user which.

    Args:
        dataset: the table.
        columns: of the inputs.
        rows: to look at.
        places: what each row of the table is called, such as its file.
        mask_column: of a segmentation.
        skip: whether such rows are to be left out.

    Raises:
        UserError: there are such rows and they are not to be skipped, or nothing else is left.
    """
    from hf_metalr.training.damage import find_damaged

    damaged = find_damaged(dataset, columns, rows, mask_column)
    if not damaged:
        return set()
    shown = "; ".join(f"{places[row]}: {reason}" for row, reason in list(damaged.items())[:SHOWN])
    found = (
        f"{len(damaged)} of {len(rows)} inputs in column '{columns[0]}' cannot be read: {shown}"
        f"{'; …' if len(damaged) > SHOWN else ''}"
    )
    if not skip:
        raise UserError(f"{found}. Mend or remove them, or leave them out with --skip-damaged.")
    if len(damaged) == len(rows):
        raise UserError(f"--skip-damaged leaves nothing: {found}.")
    note(f"left out: {found}")
    return set(damaged)


def place_of(file: str | None, row: int) -> str:
    """Return what a row is called in messages."""
    return f"row {row}" if file is None else f"'{file}'"
