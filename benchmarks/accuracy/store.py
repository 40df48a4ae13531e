"""Results as JSON lines: appended, never recomputed, whole after a crash."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def read_results(path: Path) -> list[dict[str, Any]]:
    """Return the results in a file, oldest first; a last line that a crash cut short is left out."""
    if not path.exists():
        return []
    complete = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in complete]


class Store:
    """One file of results, opened by one process at a time; see `open_store`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keys = {result["key"] for result in read_results(path)}

    def append(self, result: dict[str, Any]) -> None:
        """Write one result.

        Raises:
            ValueError: there is one with its key already, or a figure is not finite (write None instead).
        """
        if result["key"] in self.keys:
            raise ValueError(f"{self.path} already holds a result with the key {result['key']}.")
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result, allow_nan=False) + "\n")
        self.keys.add(result["key"])


@contextmanager
def open_store(path: Path) -> Iterator[Store]:
    """Open a file of results for appending, and keep other processes out until the end.

    Raises:
        RuntimeError: another process has it open.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RuntimeError(f"{path} is being written by another run; wait for it, or name another file.") from error
        _drop_unfinished_line(path)
        yield Store(path)


def _drop_unfinished_line(path: Path) -> None:
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)
