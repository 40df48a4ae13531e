"""Where a result goes: its form on standard output, and the files that are asked for."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hf_metalr.outputs import PICTURES, require_matplotlib, require_writable, save_figure, write_files
from hf_metalr.processes import process_index

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
