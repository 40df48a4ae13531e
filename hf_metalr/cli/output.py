"""Where a result goes: its form on standard output, and files that appear whole or not at all."""

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hf_metalr.errors import InputError
from hf_metalr.processes import process_index

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = (".png", ".svg", ".pdf")
DOTS_PER_INCH = 200  # a figure 5.6 inches wide is sharp in a README and in print


class Result(Protocol):
    """What `rank_backbones` and `transferability_profile` return; the table on the console is its `str`."""

    def to_markdown(self) -> str: ...
    def to_csv(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...
    def save(self, path: Path) -> None: ...
    def plot(self) -> "Figure": ...


def add_output_options(parser: argparse.ArgumentParser, saved_as: str) -> None:
    """Add the options of every command that ends in a `Result`; its own file is called `saved_as` in the help."""
    output = parser.add_argument_group("output")
    form = output.add_mutually_exclusive_group()
    for name, help_text in {
        "markdown": "print the table as Markdown",
        "csv": "print the table as comma-separated values",
        "json": "print everything as JSON; notes and progress go to standard error",
    }.items():
        form.add_argument(f"--{name}", dest="form", action="store_const", const=name, help=help_text)
    output.add_argument("--save", metavar="FILE.json", type=Path, help=f"write {saved_as}, to be loaded again")
    output.add_argument("--plot", metavar="FILE", type=Path, help=f"draw the figure into a {', '.join(PICTURES)} file")
    parser.set_defaults(form="console")


def check_outputs(options: argparse.Namespace) -> None:
    """Refuse, before any work is done, files that could not be written at its end.

    Raises:
        InputError: as of `require_writable`, or a figure without matplotlib.
    """
    require_writable("save", options.save, (".json",))
    require_writable("plot", options.plot, PICTURES)
    if options.plot is not None:
        require_matplotlib("plot")


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


def deliver(result: Result, options: argparse.Namespace) -> str:
    """Write the files that were asked for (the main process only) and return the text for standard output."""
    writers: dict[Path, Callable[[Path], object]] = {}
    if options.save is not None:
        writers[options.save] = result.save
    if options.plot is not None:
        writers[options.plot] = save_figure(result.plot)
    if process_index() == 0:
        write_files(writers)
    if options.form == "json":
        return json.dumps(result.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    if options.form == "csv":
        return result.to_csv().rstrip("\n")
    return result.to_markdown() if options.form == "markdown" else str(result)


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
