"""Which split each row is in already: by where it came from, or by a column."""

from hf_metalr.data.splits.split_names import split_of
from hf_metalr.data.tables.columns import values_of
from hf_metalr.data.tables.parts import is_missing
from hf_metalr.data.tables.table import Table
from hf_metalr.errors import InputError, Parameter


def given_splits(table: Table, split_column: str | None = None) -> list[str | None]:
    """Return which split (train, validation, test) each row is in, None for all where they are to be divided.

    Args:
        table: the rows.
        split_column: that says so; None takes the splits in which the data came.

    Raises:
        InputError: a row without a split, or another name than a split's, with the rows that have it.
    """
    if split_column is None:
        found, parameter, place = [name for name, _ in table.origins], "data", ""
        if None in found:
            return [None] * len(found)
    else:
        found, parameter, place = values_of(table.dataset, split_column), "split_column", f"'{split_column}' "
    strange: dict[str, list[int]] = {}
    for row, name in enumerate(found):
        if is_missing(name) or split_of(str(name)) is None:
            strange.setdefault("nothing" if is_missing(name) else repr(name), []).append(row)
    if strange:
        shown = ", ".join(f"{name} in {len(rows)} rows ({table.name(rows[0])})" for name, rows in strange.items())
        raise InputError(
            parameter,
            f"{place}must call every split train, validation or test, found {shown}. Rename them, or choose the one to "
            "divide with ",
            Parameter("split"),
            ".",
        )
    names = [split_of(str(name)) for name in found]
    if set(names) == {"train"}:
        return [None] * len(names)
    return names
