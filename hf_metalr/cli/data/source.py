"""Opening what `--data` names: a saved data set, a folder, files, or a data set of the Hub."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_metalr.cli.data.mask_folders import has_masks, open_masks
from hf_metalr.cli.data.near import near_misses
from hf_metalr.cli.errors import UserError

# The builders of the library `datasets` by the suffix of a file.
BUILDERS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".parquet": "parquet",
}
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp"}
SAVED_DATASET, SAVED_SPLITS = "state.json", "dataset_dict.json"  # what `save_to_disk` leaves in a folder


def open_source(sources: Sequence[str], subset: str | None = None) -> Any:
    """Return the `Dataset`, or the `DatasetDict` of splits, that one or several sources name.

    In this order a source is an existing folder (written by `save_to_disk`; of images, one sub-folder per class; of
    CSV, JSON or parquet files), existing files of one of these kinds (several are joined), or a data set of the Hub.

    Raises:
        UserError: nothing is there, what is there cannot be read, or `subset` is given for something local.
    """
    paths = [Path(source).expanduser() for source in sources]
    missing = [source for source, path in zip(sources, paths, strict=True) if not path.exists()]
    if len(sources) == 1 and missing and _may_be_on_the_hub(sources[0]):
        return _load_from_hub(sources[0], subset)
    if missing:
        raise UserError(f"--data '{missing[0]}' does not exist. {_what_exists(Path(missing[0]).expanduser())}")
    empty = [source for source, path in zip(sources, paths, strict=True) if path.is_file() and not path.stat().st_size]
    if empty:
        raise UserError(f"--data '{empty[0]}' is an empty file.")
    if subset is not None:
        raise UserError(f"--subset belongs to data sets of the Hub, but --data '{sources[0]}' is local. Leave it out.")
    if any(path.is_dir() for path in paths):
        if len(paths) > 1:
            raise UserError(f"--data takes one folder or several files, found {len(paths)} sources with a folder.")
        return _open_folder(sources[0], paths[0])
    return _load(sources[0], data_files=[str(path) for path in paths], **_builder_of(paths))


def _may_be_on_the_hub(source: str) -> bool:
    """Tell `user/name` and `name` from a path with a mistake in it."""
    looks_like_path = source.startswith((".", "/", "~", "\\")) or source.count("/") > 1 or "\\" in source
    return not looks_like_path and Path(source).suffix.lower() not in BUILDERS


def _load_from_hub(source: str, subset: str | None) -> Any:
    from datasets.exceptions import DatasetNotFoundError

    try:
        return _load(source, path=source, name=subset)
    except UserError as error:
        if not isinstance(error.__cause__, DatasetNotFoundError | ConnectionError):
            raise
        raise UserError(
            f"--data '{source}' is neither a file or folder here nor a data set that the Hub gives: {error.__cause__}"
        ) from error


def _open_folder(source: str, folder: Path) -> Any:
    if (folder / SAVED_DATASET).exists() or (folder / SAVED_SPLITS).exists():
        from datasets import load_from_disk

        return _guarded(source, load_from_disk, str(folder))
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    images = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    if has_masks(folder, images):
        return open_masks(folder, images)
    if images:
        return _load(source, path="imagefolder", data_dir=str(folder))
    tables = [path for path in files if path.suffix.lower() in BUILDERS]
    if tables:
        return _load(source, data_dir=str(folder), **_builder_of(tables))
    raise UserError(
        f"--data '{source}' holds no image, no {', '.join(BUILDERS)} file and no saved data set, found "
        f"{', '.join(sorted({path.name for path in files})[:5]) or 'an empty folder'}."
    )


def _builder_of(paths: list[Path]) -> dict[str, str]:
    """Return the arguments that tell `load_dataset` how to read these tables."""
    suffixes = sorted({path.suffix.lower() for path in paths})
    if len(suffixes) > 1 or suffixes[0] not in BUILDERS:
        raise UserError(f"--data files must be all of one kind, {' or '.join(BUILDERS)}, found {', '.join(suffixes)}.")
    separator = {"sep": "\t"} if suffixes[0] == ".tsv" else {}
    return {"path": BUILDERS[suffixes[0]]} | separator


def _load(source: str, **arguments: Any) -> Any:
    from datasets import load_dataset

    return _guarded(source, load_dataset, **arguments)


def _guarded(source: str, load: Any, *positional: Any, **named: Any) -> Any:
    """Call a loader of `datasets`; whatever it complains about concerns the source that the user named."""
    from datasets.exceptions import DatasetsError

    try:
        return load(*positional, **named)
    except (DatasetsError, OSError, RuntimeError, ValueError) as error:
        if "corresponds to no data" in str(error):  # how `datasets` puts that a table has its header alone
            raise UserError(f"--data '{source}' has no rows.") from error
        # "An error occurred while generating the dataset" hides its reason in the cause.
        reason = error.__cause__ or error
        if isinstance(reason, UnicodeDecodeError):
            raise UserError(f"--data '{source}' is not UTF-8 ({reason}). Save it as UTF-8.") from error
        raise UserError(f"--data '{source}' cannot be opened: {reason}") from error


def _what_exists(path: Path) -> str:
    """Say what lies where a missing path should be."""
    folder = path.parent
    if not folder.is_dir():
        return f"Neither does the folder '{folder}'."
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    return f"In '{folder}' there {near_misses(path.name, names)}."
