"""Opening what `data` names: a saved data set, a folder, files, or a data set of the Hub."""

from collections.abc import Sequence
from pathlib import Path

from hf_metalr.data.config import DataConfig
from hf_metalr.data.folders.listing import ARCHIVES, SPREADSHEETS, TABLE_SUFFIXES
from hf_metalr.data.images.decode import IMAGE_SUFFIXES
from hf_metalr.data.kinds.folder import open_folder
from hf_metalr.data.kinds.hub import may_be_on_the_hub, open_from_hub
from hf_metalr.data.kinds.saved import is_saved, open_saved
from hf_metalr.data.kinds.tables import open_tables
from hf_metalr.data.near import near_misses
from hf_metalr.data.opened import Opened
from hf_metalr.errors import InputError, Parameter


def open_source(config: DataConfig, masks: bool | None = None) -> Opened:
    """Return what the source holds, split by split.

    In this order a source is an existing folder (written by `save_to_disk`; else see `kinds.folder`), existing files
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
    return open_saved(sources[0], paths[0]) if is_saved(paths[0]) else open_folder(sources[0], config, masks)


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
