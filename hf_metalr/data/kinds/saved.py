"""A folder that `save_to_disk` of `datasets` wrote."""

from pathlib import Path

from hf_metalr.data.kinds.guard import guarded
from hf_metalr.data.opened import Opened, undecoded

SAVED_DATASET, SAVED_SPLITS = "state.json", "dataset_dict.json"  # what `save_to_disk` leaves in a folder


def is_saved(folder: Path) -> bool:
    """Return whether `save_to_disk` wrote this folder."""
    return (folder / SAVED_DATASET).exists() or (folder / SAVED_SPLITS).exists()


def open_saved(source: str, folder: Path) -> Opened:
    """Return the data set, or its splits.

    Raises:
        InputError: it cannot be read.
    """
    from datasets import load_from_disk

    loaded = guarded(source, load_from_disk, str(folder))
    parts = dict(loaded) if isinstance(loaded, dict) else {None: loaded}
    return Opened({name: undecoded(part) for name, part in parts.items()}, folder.absolute())
