"""Files that a result goes into: refused before the work where they cannot be written, written whole or not at all."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hf_metalr.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = (".png", ".svg", ".pdf")
DOTS_PER_INCH = 200  # a figure 5.6 inches wide is sharp in a README and in print


def require_writable(parameter: str, path: Path | None, suffixes: Sequence[str] | None) -> None:
    """Refuse a file that could not be written, or, without suffixes, a folder in which none could be.

    Raises:
        InputError: an unknown suffix, a folder that does not exist or may not be written, a folder in the file's place.
    """
    if path is None:
        return
    folder = path if suffixes is None else path.parent
    if suffixes is not None and path.suffix.lower() not in suffixes:
        raise InputError(parameter, f"must be a {', '.join(suffixes)} file, found '{path}'.")
    if folder.is_file():
        raise InputError(parameter, f"needs a folder, found the file '{folder}'.")
    if not folder.is_dir():
        raise InputError(parameter, f"must lie in an existing folder, found '{path}'. Create '{folder}' first.")
    if suffixes is not None and path.is_dir():
        raise InputError(parameter, f"must be a file, found the folder '{path}'.")
    if not os.access(folder, os.W_OK):
        raise InputError(parameter, f"'{folder}' may not be written. Choose another folder.")


def require_matplotlib(parameter: str | None, way_out: str = "") -> None:
    """Refuse figures where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise InputError(
            parameter, f"needs matplotlib, which is not installed: `pip install 'hf-metalr[plot]'`.{way_out}"
        )


def save_figure(draw: "Callable[[], Figure]") -> Callable[[Path], object]:
    """Return what draws a figure into a file; SVG without the date, so that the same figure gives the same file."""
    return lambda path: draw().savefig(
        path, dpi=DOTS_PER_INCH, metadata={"Date": None} if path.suffix == ".svg" else None
    )


def write_files(writers: Mapping[Path, Callable[[Path], object]]) -> None:
    """Let each writer fill a temporary file beside its own, then move all into place.

    When a writer fails, no file has changed and no temporary file stays behind.
    """
    temporary = {path: path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}") for path in writers}
    try:
        for path, write in writers.items():
            write(temporary[path])
        for path in writers:
            os.replace(temporary[path], path)
    finally:
        for left_behind in temporary.values():
            with suppress(FileNotFoundError):
                left_behind.unlink()
