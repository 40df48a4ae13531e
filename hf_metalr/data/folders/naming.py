"""Which file a cell of a table names: by its path, its name, or its name without the suffix."""

from collections.abc import Iterable, Sequence
from typing import Any

from hf_metalr.data.images.decode import IMAGE_SUFFIXES


class FileIndex:
    """Files by everything that a table may call them.

    >>> index = FileIndex(["part_1/ISIC_7.jpg", "part_2/ISIC_8.jpg"])
    >>> index.find("ISIC_7"), index.find("part_2\\\\ISIC_8.jpg"), index.find("ISIC_9.jpg")
    (['part_1/ISIC_7.jpg'], ['part_2/ISIC_8.jpg'], [])
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._paths: set[str] = set()
        self._names: dict[str, list[str]] = {}
        self._stems: dict[str, list[str]] = {}
        self._numbers: dict[int, list[str]] = {}
        for name in dict.fromkeys(names):
            last = name.rpartition("/")[2].casefold()
            stem = _bare(last)
            self._paths.add(name)
            self._names.setdefault(last, []).append(name)
            self._stems.setdefault(stem, []).append(name)
            if stem.isdecimal():
                self._numbers.setdefault(int(stem), []).append(name)

    def find(self, cell: Any, base: str = "") -> list[str]:
        """Return the files that a cell can mean: one, none, or several when it is not clear.

        Args:
            cell: of a table: text, or a whole number (which has lost the zeros in front).
            base: folder that paths in the table are relative to.
        """
        if isinstance(cell, float) and cell.is_integer():
            cell = int(cell)  # as readers give whole numbers of a column with gaps
        if isinstance(cell, int) and not isinstance(cell, bool):
            return _below(base, self._stems.get(str(cell)) or self._numbers.get(cell) or [])
        if not isinstance(cell, str) or not cell.strip():
            return []
        path = cell.strip().replace("\\", "/").removeprefix("./")
        for whole in (f"{base}/{path}" if base else path, path):
            if whole in self._paths:
                return [whole]
        last = path.rpartition("/")[2].casefold()
        names = self._names.get(last) or self._stems.get(last) or self._stems.get(_bare(last)) or []
        return _nearest(path, _below(base, names))


def _bare(name: str) -> str:
    """Return a name without the suffix of an image; other dots belong to the name, as in 1.2.840."""
    head, dot, suffix = name.rpartition(".")
    return head if dot and head and f".{suffix}" in IMAGE_SUFFIXES else name


def _below(base: str, names: list[str]) -> list[str]:
    """Return those of the files that lie below a folder; all where none does."""
    return [name for name in names if base and name.startswith(f"{base}/")] or names


def _nearest(path: str, names: list[str]) -> list[str]:
    """Return those of the files that share most of the folders at the end of a path."""
    if len(names) < 2:
        return names
    wanted = path.casefold().split("/")[-2::-1]
    shared = [_shared(wanted, name.casefold().split("/")[-2::-1]) for name in names]
    return [name for name, count in zip(names, shared, strict=True) if count == max(shared)]


def _shared(ones: Sequence[str], others: Sequence[str]) -> int:
    count = 0
    for one, other in zip(ones, others, strict=False):
        if one != other:
            break
        count += 1
    return count
