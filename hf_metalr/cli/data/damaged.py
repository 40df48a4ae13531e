"""What becomes of inputs that cannot be read: all are named before the work begins, or left out if the user says so."""

from collections.abc import Callable, Sequence
from typing import Any

from hf_metalr.cli.data.notes import note
from hf_metalr.cli.errors import UserError

SHOWN = 5


def damaged_rows(
    dataset: Any,
    columns: Sequence[str],
    rows: Sequence[int],
    files: Callable[[], Sequence[str | None]],
    mask_column: str | None = None,
    skip: bool = False,
    row_of: Callable[[int], int] = int,
) -> set[int]:
    """Return which of these rows cannot be read, and tell the user which.

    Args:
        dataset: the table.
        columns: of the inputs.
        rows: to look at.
        files: gives the file of each row of the table, None where unknown; called only if there is damage, since it
            may read all that is stored.
        mask_column: of a segmentation.
        skip: whether such rows are to be left out.
        row_of: the number of a row in the user's data, for messages; by default the same.

    Raises:
        UserError: there are such rows and they are not to be skipped, or nothing else is left.
    """
    from hf_metalr.training.damage import find_damaged

    damaged = find_damaged(dataset, columns, rows, mask_column)
    if not damaged:
        return set()
    names = files()
    inputs_of: dict[str, list[str]] = {}
    for row, reason in list(damaged.items())[:SHOWN]:
        inputs_of.setdefault(reason, []).append(f"row {row_of(row)}" if names[row] is None else f"'{names[row]}'")
    shown = "; ".join(f"{', '.join(inputs)}: {reason}" for reason, inputs in inputs_of.items())
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
