"""Where a result goes: its form on standard output, and files that appear whole or not at all."""

import argparse
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hf_metalr.cli.errors import UserError, process_index

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
        UserError: an unknown suffix, a folder that does not exist or may not be written, a folder in the file's
            place, one file for two outputs, or a figure without matplotlib.
    """
    for option, suffixes in (("save", (".json",)), ("plot", PICTURES)):
        path = getattr(options, option)
        if path is None:
            continue
        if path.suffix.lower() not in suffixes:
            raise UserError(f"--{option} must be a {', '.join(suffixes)} file, found '{path}'.")
        if not path.parent.is_dir():
            raise UserError(f"--{option} must lie in an existing folder, found '{path}'. Create '{path.parent}' first.")
        if path.is_dir():
            raise UserError(f"--{option} must be a file, found the folder '{path}'.")
        if not os.access(path.parent, os.W_OK):
            raise UserError(f"--{option}: '{path.parent}' may not be written. Choose another folder.")
    if options.plot is not None and find_spec("matplotlib") is None:
        raise UserError("--plot needs matplotlib, which is not installed: `pip install 'hf-metalr[plot]'`.")


def deliver(result: Result, options: argparse.Namespace) -> str:
    """Write the files that were asked for (the main process only) and return the text for standard output."""
    writers: dict[Path, Callable[[Path], object]] = {}
    if options.save is not None:
        writers[options.save] = result.save
    if options.plot is not None:
        writers[options.plot] = lambda path: result.plot().savefig(path, dpi=DOTS_PER_INCH)
    if process_index() == 0:
        write_files(writers)
    if options.form == "json":
        return json.dumps(result.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    if options.form == "csv":
        return result.to_csv().rstrip("\n")
    return result.to_markdown() if options.form == "markdown" else str(result)


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
