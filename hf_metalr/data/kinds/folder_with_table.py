"""A folder of images beside a table whose rows name them: the labels are a column of the table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_metalr.data.config import DataConfig
from hf_metalr.data.folders.listing import Listing
from hf_metalr.data.folders.named_images import NamedImages, name_images
from hf_metalr.data.folders.places import Places, in_order
from hf_metalr.data.folders.table_rows import Part, refuse_shared, take_rows, with_same_columns
from hf_metalr.data.kinds.tables import open_tables
from hf_metalr.data.ledger import LeftOut
from hf_metalr.data.opened import Opened, cells
from hf_metalr.data.splits.split_names import split_of
from hf_metalr.data.words import show
from hf_metalr.errors import InputError

# Folders with a JSON file per image hold no table of them all, and take minutes to read.
MOST_TABLES = 50


def read_tables(listing: Listing, images: Sequence[str], masks: Sequence[str]) -> tuple[list[NamedImages], list[str]]:
    """Read the tables of a folder and find which images their rows name.

    Returns:
        The tables that name images, and what is to be told of the others.
    """
    if len(listing.tables) > MOST_TABLES:
        return [], [f"{len(listing.tables)} tables lie beside the images, such as '{listing.tables[0]}': not read"]
    tables, notes = [], []
    for name in listing.tables:
        try:
            opened = open_tables([Path(listing.folder, name)], name)
        except InputError as error:
            notes.append(f"the table '{name}' is not used: {''.join(error.words)}")
            continue
        table = name_images(name, next(iter(opened.parts.values())), images, masks)
        if "submission" in name.lower():
            notes.append(f"the table '{name}' is not used: a form for submissions holds no labels")
        elif table.images:
            tables.append(table)
            notes += opened.notes
        else:
            notes.append(f"the table '{name}' is not used: no column names the images")
    return tables, notes


def open_folder_with_table(
    listing: Listing, places: Places, tables: Sequence[NamedImages], config: DataConfig
) -> Opened:
    """Return the rows of tables; the columns that name images become columns of images.

    Files called train.csv, validation.csv or test.csv (or in folders of these names) are splits; with one table the
    folders of its images may be. Images that no row names, rows without an image and splits without labels are left
    out.

    Raises:
        InputError: it is not clear which table is meant, or which image; or two splits share an image.
    """
    chosen = _choose(tables, places)
    for table in chosen:
        _refuse_unclear(table)
    notes: list[str] = []
    lost_rows: list[LeftOut] = []
    parts: list[Part] = []
    for table in chosen:
        parts += _divided(take_rows(table, config, notes, lost_rows), places)
    parts, blind = with_same_columns(_joined(parts), config.label_column, notes)
    refuse_shared(parts)
    files = listing.files
    read = {file for part in parts for names in part.images.values() for file in names if file is not None}
    for part in blind:
        reason = f"without labels, by '{part.tables[0]}'"
        files = files.without(reason, [*part.tables, *dict.fromkeys(f for f in part.files if f and f not in read)])
        read |= {file for file in part.files if file}
    gone = {name for entry in files.left_out for name in entry.names}
    source = show([table for part in parts for table in dict.fromkeys(part.tables)])
    files = files.without(
        f"no row of {source} names it", [n for n in listing.images if n not in read and n not in gone]
    )
    used = {table for part in parts for table in part.tables}
    files = files.without("table that is not used", [n for n in listing.tables if n not in used and n not in gone])
    own = {part.split: part for part in parts}
    datasets = {split: _with_images(own[split], listing.folder) for split in in_order(own)}
    return Opened(datasets, listing.folder, files, [*listing.notes, *notes], tuple(lost_rows))


def split_of_path(name: str) -> str | None:
    """Return the split that a table's name, or a folder that it lies in, says."""
    *folders, last = name.split("/")
    words = [split_of(word) for word in (last.rpartition(".")[0], *folders)]
    return next((word for word in words if word), None)


def _split_of_table(table: NamedImages, places: Places) -> str | None:
    """Return the split that a table's name says, or that all of its images lie in."""
    splits = {places.splits.get(file) for file in table.files if file is not None}
    return split_of_path(table.table) or (splits.pop() if len(splits) == 1 else None)


def _choose(tables: Sequence[NamedImages], places: Places) -> list[NamedImages]:
    """Return the tables of splits where there are some; else the one that there is."""
    splits = [table for table in tables if _split_of_table(table, places)]
    chosen = splits or list(tables)
    for split in in_order(_split_of_table(table, places) for table in chosen):
        own = [table.table for table in chosen if _split_of_table(table, places) == split]
        if len({name.rpartition("/")[2] for name in own}) > 1:
            raise InputError(
                "data", f"has several tables that name its images, {show(own)}. Give the one with the labels itself."
            )
    return chosen


def _refuse_unclear(table: NamedImages) -> None:
    if table.unclear:
        more = f"; and {len(table.unclear) - 3} more" if len(table.unclear) > 3 else ""
        raise InputError(
            "data",
            f"has the table '{table.table}', whose rows name images that are not clear: {'; '.join(table.unclear[:3])}"
            f"{more}. Write paths that are relative to the table into that column, or leave the table out and sort the "
            "images into class folders.",
        )


def _divided(part: Part, places: Places) -> list[Part]:
    """Divide the rows of a table by the split folders of its images, where it names no split and all lie in some."""
    part.split = split_of_path(part.tables[0])
    splits = [places.splits.get(str(file)) for file in part.files]
    if part.split or None in splits:
        return [part]
    words = sorted({str(split) for split in splits})
    return [part.select([row for row, own in enumerate(splits) if own == split], split) for split in words]


def _joined(parts: Sequence[Part]) -> list[Part]:
    together: dict[str | None, Part] = {}
    for part in parts:
        together[part.split] = together[part.split].and_then(part) if part.split in together else part
    return [together[split] for split in in_order(together)]


def _with_images(part: Part, folder: Path) -> Any:
    from datasets import Image

    dataset = part.dataset
    for column, files in part.images.items():
        # In this order, since a data set without columns has no rows.
        new = f"{column} as image"
        dataset = dataset.add_column(new, cells(folder, files), feature=Image(decode=False))
        dataset = dataset.remove_columns(column).rename_column(new, column)
    return dataset


def labels_in_table(tables: Sequence[NamedImages], config: DataConfig, usual: Sequence[str]) -> bool:
    """Return whether the labels are a column of a table rather than the class folders.

    Args:
        tables: that name images.
        config: whose label column may be one of a table.
        usual: names of columns that are labels without being called for.
    """
    columns = {column for table in tables for column in table.dataset.features}
    return bool(columns & set(config.label_column or usual))
