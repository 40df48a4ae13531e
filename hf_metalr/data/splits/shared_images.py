"""One image in several rows of a table: never on both sides of a split."""

from collections.abc import Mapping, Sequence

from hf_metalr.data.tables.columns import is_image
from hf_metalr.data.tables.image_paths import stored_images
from hf_metalr.data.tables.table import Table
from hf_metalr.errors import InputError


def refuse_shared_images(table: Table, splits: Mapping[str, Sequence[int]]) -> None:
    """Refuse splits that share an image: a model must not be tested on what it was trained on.

    Args:
        table: the rows; images that it holds itself have no file to be told by, and are passed over.
        splits: of rows.

    Raises:
        InputError: with how many, two of the rows, and the ways out.
    """
    column = table.input_columns[0]
    if not is_image(table.dataset.features[column]):
        return
    paths = [None if held else path for path, held in stored_images(table.dataset, column)]
    place: dict[str, tuple[str, int]] = {}
    shared: list[tuple[str, int, str, int]] = []
    for name, rows in splits.items():
        for row in rows:
            path = paths[row]
            if path is not None and (first := place.setdefault(path, (name, row)))[0] != name:
                shared.append((*first, name, row))
    if shared:
        one, own, other, row = shared[0]
        raise InputError(
            "data",
            f"must not have an image in two splits, found {len(shared)}, such as '{table.files()[own]}' in "
            f"{table.name(own)} for {one} and in {table.name(row)} for {other}. Keep one row for each image.",
        )
