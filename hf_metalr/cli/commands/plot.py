"""`hf-metalr plot`: figures and a report of a run, a transferability profile or a ranking."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from hf_metalr.cli.command import Command
from hf_metalr.errors import InputError, Parameter
from hf_metalr.outputs import require_matplotlib, require_writable, save_figure, write_files
from hf_metalr.processes import process_index

DESCRIPTION = """\
Draw what a run learned: the rates over the steps, the same as a map of layer
by step, the hypergradients that moved them, and how far the pre-trained
parameters carried, where that was measured. --html writes one page with
everything, which opens from disk and needs no network.

Also draws a saved transferability profile or ranking (--save of those
commands).
"""
EXAMPLES = """\
  every figure and the report of a run
    hf-metalr plot ./outputs/demo --html report.html

  one figure for a paper
    hf-metalr plot ./outputs/demo --view rates --format svg --output-dir fig

  the report alone, without matplotlib
    hf-metalr plot ./outputs/demo --view none --html report.html

  a saved ranking
    hf-metalr plot ranking.json --format svg
"""
VIEWS = ("rates", "heatmap", "hypergradients", "all", "none")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        type=Path,
        help="output folder of a run, its metalr_history.jsonl, or the JSON file of a profile or ranking",
    )
    output = parser.add_argument_group("output")
    output.add_argument("--view", choices=VIEWS, default="all", help="which figures of a run (default: all)")
    output.add_argument("--format", choices=["png", "svg"], default="png", help="of the figures (default: png)")
    output.add_argument(
        "--output-dir", metavar="FOLDER", type=Path, help="where figures go (default: beside the source)"
    )
    output.add_argument("--html", metavar="FILE.html", type=Path, help="write the report of a run here")
    output.add_argument("--json", action="store_true", help="print the names of the files as JSON")


def run(options: argparse.Namespace) -> str:
    """Write the files and return their names."""
    _check(options)
    from hf_metalr.report.figures import drawn_from

    drawn = drawn_from(options.source, options.view, report=options.html is not None)
    figures = {_folder(options) / f"{name}.{options.format}": draw for name, draw in drawn.figures.items()}
    writers: dict[Path, Callable[[Path], object]] = {path: save_figure(draw) for path, draw in figures.items()}
    if (report := drawn.report) is not None:
        writers[options.html] = lambda path: path.write_text(report, encoding="utf-8")
    if process_index() == 0:
        write_files(writers)
    if options.json:
        page = None if options.html is None else str(options.html)
        content = {"kind": drawn.kind, "figures": [str(path) for path in figures], "report": page}
        return json.dumps(content, indent=2, ensure_ascii=False)
    return "\n".join(map(str, writers))


def _check(options: argparse.Namespace) -> None:
    """Refuse, before any work is done, what could not be done at its end."""
    source: Path = options.source
    if not source.exists():
        raise InputError(
            "source", f"'{source}' does not exist. Name an output folder, a history, a profile or a ranking."
        )
    if source.is_file() and source.suffix not in (".json", ".jsonl"):
        raise InputError("source", f"must be a folder, a .jsonl history or a .json result, found '{source}'.")
    if options.view == "none" and options.html is None:
        raise InputError("view", "none draws nothing: give ", Parameter("html"), " as well.")
    require_writable("html", options.html, (".html", ".htm"))
    if options.view != "none":
        require_writable("output_dir", _folder(options), None)
        require_matplotlib("view", " --view none --html report.html needs none.")


def _folder(options: argparse.Namespace) -> Path:
    """Return where the figures go."""
    beside: Path = options.source if options.source.is_dir() else options.source.parent
    return options.output_dir or beside


COMMAND = Command(
    "figures and an HTML report of a run, a profile or a ranking", DESCRIPTION, EXAMPLES, add_options, run
)
