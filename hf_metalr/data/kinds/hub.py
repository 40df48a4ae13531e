"""A data set of the Hub."""

from pathlib import Path

from hf_metalr.data.folders.listing import TABLE_SUFFIXES
from hf_metalr.data.kinds.guard import guarded
from hf_metalr.data.opened import Opened, undecoded
from hf_metalr.errors import InputError


def may_be_on_the_hub(source: str) -> bool:
    """Tell `user/name` and `name` from a path with a mistake in it."""
    looks_like_path = source.startswith((".", "/", "~", "\\")) or source.count("/") > 1 or "\\" in source
    return not looks_like_path and Path(source).suffix.lower() not in TABLE_SUFFIXES


def open_from_hub(source: str, subset: str | None) -> Opened:
    """Return all splits of a data set of the Hub.

    Raises:
        InputError: the Hub does not give it, or it cannot be read.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError

    try:
        loaded = guarded(source, load_dataset, path=source, name=subset)
    except InputError as error:
        if not isinstance(error.__cause__, DatasetNotFoundError | ConnectionError):
            raise
        raise InputError(
            "data", f"'{source}' is neither a file or folder here nor a data set that the Hub gives: {error.__cause__}"
        ) from error
    return Opened({name: undecoded(part) for name, part in loaded.items()})
