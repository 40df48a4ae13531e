"""What becomes of inputs that cannot be read: all are named before the training, or left out if the user says so."""

from collections.abc import Mapping, Sequence

from hf_metalr.cli.data.notes import note
from hf_metalr.cli.data.table import Table
from hf_metalr.cli.errors import UserError
from hf_metalr.training.damage import find_damaged

SHOWN = 5


def without_damaged(
    table: Table, splits: Mapping[str, Sequence[int]], mask_column: str | None, skip: bool
) -> dict[str, list[int]]:
    """Return the splits without the rows that cannot be read.

    Raises:
        UserError: there are such rows and they are not to be skipped, or nothing else is left of a split.
    """
    rows = [row for part in splits.values() for row in part]
    damaged = find_damaged(table.dataset, table.input_columns, rows, mask_column)
    if not damaged:
        return {name: list(part) for name, part in splits.items()}
    files = table.files()
    shown = "; ".join(f"{_place(files[row], row)}: {reason}" for row, reason in list(damaged.items())[:SHOWN])
    found = (
        f"{len(damaged)} of {len(rows)} inputs in column '{table.input_columns[0]}' cannot be read: {shown}"
        f"{'; …' if len(damaged) > SHOWN else ''}"
    )
    if not skip:
        raise UserError(f"{found}. Mend or remove them, or leave them out with --skip-damaged.")
    note(f"left out: {found}")
    kept = {name: [row for row in part if row not in damaged] for name, part in splits.items()}
    if lost := [name for name, part in kept.items() if not part]:
        raise UserError(f"--skip-damaged leaves nothing of the split {lost[0]}: {found}.")
    return kept


def _place(file: str | None, row: int) -> str:
    return f"row {row}" if file is None else f"'{file}'"
