"""Looking at many files at once: Pillow and numpy let other threads run while they work."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from transformers.utils import logging

LONG = 2000  # files are looked through in seconds below it, so that a progress bar would only flicker
_Row = TypeVar("_Row")
_Found = TypeVar("_Found")


def each(function: Callable[[_Row], _Found], rows: Sequence[_Row], description: str) -> Iterator[_Found]:
    """Yield what a function returns for every row, in order, computed on all cores that this process may use."""
    share = (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # of the processes of one launch
    with ThreadPoolExecutor(max(1, share)) as pool:
        found = pool.map(function, rows)
        yield from logging.tqdm(found, total=len(rows), desc=description, leave=False, disable=len(rows) < LONG)
