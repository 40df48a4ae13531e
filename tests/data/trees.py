"""Small trees of files, and what the reader makes of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hf_metalr.data.config import DataConfig
from hf_metalr.data.opened import Opened
from hf_metalr.data.source import open_source

PNG = b"\x89PNG"  # whether a file can be decoded is not the business of those who find it


def plant(root: Path, names: Iterable[str], content: bytes = PNG) -> Path:
    """Write files, and folders where a name ends in "/"."""
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(content)
    return root


def product(*levels: Iterable[Any]) -> list[str]:
    """Return the paths with one name of each level: "a/1.png" and "b/1.png" of "ab" and [1]."""
    paths = [""]
    for level in levels:
        paths = [f"{path}{one}/" for path in paths for one in level]
    return [path[:-1] + ".png" for path in paths]


def read(root: Path, masks: bool | None = None, **config: Any) -> Opened:
    """Open a folder."""
    return open_source(DataConfig((str(root),), **config), masks)


def rows(opened: Opened, column: str = "label", image: str = "image") -> dict[str | None, dict[str, Any]]:
    """Return, of every split, the value of a column by the image's name; classes by their names."""
    return {
        split: dict(zip(paths(opened, part, image), _values(part, column), strict=True))
        for split, part in opened.parts.items()
    }


def paths(opened: Opened, part: Any, column: str = "image") -> list[str | None]:
    """Return the files of a column of images, relative to the folder."""
    found = [cell and cell["path"] for cell in part[column]]
    return [path and Path(path).relative_to(opened.folder).as_posix() for path in found]


def _values(part: Any, column: str) -> list[Any]:
    feature, values = part.features[column], list(part[column])
    return [feature.int2str(value) for value in values] if hasattr(feature, "int2str") else values


def left_out(opened: Opened) -> dict[str, list[str]]:
    """Return what was left out, by the reason."""
    return {entry.reason: list(entry.names) for entry in opened.files.left_out}
