"""What `data` names: which kind of source it is (`hf_metalr.data.kinds`, one file a kind), opened by that kind."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hf_metalr.data.config import DataConfig
from hf_metalr.data.folders.joined_columns import join_columns
from hf_metalr.data.folders.listing import ARCHIVES, SPREADSHEETS, TABLE_SUFFIXES, Listing, barren, list_folder
from hf_metalr.data.folders.named_images import NamedImages
from hf_metalr.data.folders.places import Places, find_places
from hf_metalr.data.folders.twins import Twins, find_twins
from hf_metalr.data.images.decode import IMAGE_SUFFIXES
from hf_metalr.data.kinds import class_folders, folder_with_table, mask_folders
from hf_metalr.data.kinds.hub import may_be_on_the_hub, open_from_hub
from hf_metalr.data.kinds.saved import is_saved, open_saved
from hf_metalr.data.kinds.tables import open_tables
from hf_metalr.data.ledger import Ledger
from hf_metalr.data.near import near_misses
from hf_metalr.data.opened import Opened
from hf_metalr.data.words import show
from hf_metalr.errors import InputError, Parameter

# Columns that are taken for labels without being called for.
LABEL_NAMES = ("label", "labels", "target", "targets")
MASK_NAMES = ("mask", "masks", "annotation", "segmentation", "segmentation_mask")


def open_source(config: DataConfig, masks: bool | None = None) -> Opened:
    """Return what the source holds, split by split.

    In this order a source is an existing folder (written by `save_to_disk`; else see `_open_folder`), existing files
    that are tables of one kind, or a data set of the Hub.

    Args:
        config: what the user says of his data.
        masks: whether the task is segmentation; None if the user did not say what it is.

    Raises:
        InputError: nothing is there, what is there cannot be read, or `subset` is given for something local.
    """
    sources = config.data
    paths = [Path(source).expanduser() for source in sources]
    missing = [source for source, path in zip(sources, paths, strict=True) if not path.exists()]
    if len(sources) == 1 and missing and may_be_on_the_hub(sources[0]):
        return open_from_hub(sources[0], config.subset)
    if missing:
        raise InputError("data", f"'{missing[0]}' does not exist. {_what_exists(Path(missing[0]).expanduser())}")
    empty = [source for source, path in zip(sources, paths, strict=True) if path.is_file() and not path.stat().st_size]
    if empty:
        raise InputError("data", f"'{empty[0]}' is an empty file.")
    if config.subset is not None:
        raise InputError(
            "subset",
            "belongs to data sets of the Hub, but ",
            Parameter("data"),
            f" '{sources[0]}' is local. Leave it out.",
        )
    if not any(path.is_dir() for path in paths):
        return _open_files(sources, paths)
    if len(paths) > 1:
        raise InputError(
            "data",
            f"takes one folder or several files, found {len(paths)} sources with a folder. Folders train and test in "
            "one folder are read as splits.",
        )
    return open_saved(sources[0], paths[0]) if is_saved(paths[0]) else _open_folder(sources[0], config, masks)


def _open_files(sources: Sequence[str], paths: Sequence[Path]) -> Opened:
    ways = [
        (IMAGE_SUFFIXES, "is a single image: name its folder, with a sub-folder for every class, or a table of images"),
        ((*ARCHIVES, ".gz"), "is an archive: unpack it and name the folder"),
        (SPREADSHEETS, "is a spreadsheet: save it as CSV"),
    ]
    for source, path in zip(sources, paths, strict=True):
        for suffixes, words in ways:
            if path.suffix.lower() in suffixes:
                raise InputError("data", f"'{source}' {words}.")
    unknown = sorted(
        {path.suffix.lower() or f"'{path.name}'" for path in paths if path.suffix.lower() not in TABLE_SUFFIXES}
    )
    if unknown:
        raise InputError(
            "data", f"files must be all of one kind, {' or '.join(TABLE_SUFFIXES)}, found {', '.join(unknown)}."
        )
    return open_tables(paths, sources[0])


def _what_exists(path: Path) -> str:
    """Say what lies where a missing path should be."""
    folder = path.parent
    if not folder.is_dir():
        return f"Neither does the folder '{folder}'."
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    return f"In '{folder}' there {near_misses(path.name, names)}."


def _open_folder(source: str, config: DataConfig, masks: bool | None) -> Opened:
    """Return what a folder of images or of tables holds.

    In this order a folder is

    1. images beside masks, if masks are asked for, or if all images lie in `images` beside `masks` and no classes do;
    2. images that a table in the folder names: if it holds the label column, or there are fewer than two class folders;
    3. class folders; the columns of a table that names the images are joined;
    4. tables.

    Args:
        source: the folder, as the user named it.
        config: label and input columns that he named.
        masks: whether masks are wanted (segmentation) or not; None if that is for the folder to say.

    Raises:
        InputError: it is none of these.
    """
    listing = list_folder(Path(source).expanduser().absolute())
    if not listing.images:
        return _open_tables(source, listing)
    empty = list(barren(listing))
    twins = find_twins(listing.images)
    opened = _open_images(listing, twins, config, masks)
    notes = [f"folders without an image: {show(empty)}"] if empty else []
    return replace(opened, folder=listing.folder.absolute(), notes=[*opened.notes, *notes])


def _open_images(listing: Listing, twins: Twins, config: DataConfig, masks: bool | None) -> Opened:
    pairs = mask_folders.lie_in_folders(twins) if masks is None else masks
    if pairs and twins.masks and config.label_column is None:
        return _open_masks(listing, twins)
    places = find_places(twins.folders)
    tables, notes = folder_with_table.read_tables(listing, list(twins.folders), twins.names)
    in_table = folder_with_table.labels_in_table(tables, config, MASK_NAMES if pairs else LABEL_NAMES)
    nowhere_else = not twins.masks if pairs else _no_classes(places)
    if tables and (in_table or nowhere_else):
        opened = folder_with_table.open_folder_with_table(listing, places, tables, config)
    elif pairs:
        opened = _open_masks(listing, twins)
    else:
        if notes and not places.problem and _no_classes(places):
            raise InputError(
                "data",
                f"'{listing.folder}' must hold a sub-folder of images for every class, at least two, or a table that "
                f"names its images in one column: {'; '.join(notes)}.",
            )
        opened = _open_classes(listing, twins, places, tables)
    return replace(opened, notes=[*opened.notes, *notes])


def _no_classes(places: Places) -> bool:
    return places.problem is not None or len(class_folders.class_names(places)) < 2


def _open_classes(listing: Listing, twins: Twins, places: Places, tables: Sequence[NamedImages]) -> Opened:
    extras, used, notes = join_columns(tables, list(places.folders))
    files = listing.files.without("mask, not an image", [name for name in twins.names if name not in set(twins.alone)])
    files = files.without("mask without its image", twins.alone)
    files = files.without("table that is not used", [name for name in listing.tables if name not in used])
    if twins.names:
        notes.append("masks beside the images are left out; they are read with --task segmentation")
    opened = class_folders.open_class_folders(replace(listing, files=files), places, extras)
    return replace(opened, notes=[*opened.notes, *notes])


def _open_masks(listing: Listing, twins: Twins) -> Opened:
    files = listing.files.without("table that is not used", listing.tables)
    opened = mask_folders.open_mask_folders(replace(listing, files=files), twins)
    return replace(opened, notes=[*opened.notes, "images beside their masks: read for segmentation"])


def _open_tables(source: str, listing: Listing) -> Opened:
    if not listing.tables:
        raise InputError(
            "data",
            f"'{source}' holds no image, no {', '.join(TABLE_SUFFIXES)} file and no saved data set, {_found(listing)}.",
        )
    opened = open_tables([Path(listing.folder, name) for name in listing.tables], source)
    files = listing.files
    for entry in (opened.files or Ledger("file", 0)).left_out:
        files = files.without(entry.reason, entry.names)
    return replace(opened, folder=listing.folder.absolute(), files=files, notes=[*listing.notes, *opened.notes])


def _found(listing: Listing) -> str:
    """Say what a folder without data holds, and what can be done with it."""
    if not listing.files.found:
        return "found an empty folder" + "".join(f" ({note})" for note in listing.notes)
    words = "found " + "; ".join(str(entry) for entry in listing.files.left_out[:5])
    texts = any(name.lower().endswith(".txt") for entry in listing.files.left_out for name in entry.names)
    return words + (
        ". Texts are read from a table with one text in each row, not from files of their own" if texts else ""
    )
