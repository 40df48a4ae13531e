"""`hf-metalr plot`: figures and a report of a run, a transferability profile or a ranking."""

import argparse
import json
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_metalr.cli.command import Command
from hf_metalr.cli.errors import UserError, process_index
from hf_metalr.cli.output import DOTS_PER_INCH, write_files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hf_metalr.report import Run

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
    source: Path = options.source
    folder = options.output_dir or (source if source.is_dir() else source.parent)
    figures: dict[str, Callable[[], Figure]] = {}
    writers: dict[Path, Callable[[Path], object]] = {}
    if source.suffix == ".json":
        if options.html is not None:
            raise UserError(f"--html reports a run; '{source}' is none. Name the run's output folder, or drop --html.")
        kind, figures = _of_result(source)
    else:
        from hf_metalr.report import build_report, read_run

        kind, found = "run", read_run(source)
        figures = _of_run(found, options.view)
        if options.html is not None:
            report = build_report(found)
            writers[options.html] = lambda path: path.write_text(report, encoding="utf-8")
    paths = {folder / f"{name}.{options.format}": draw for name, draw in figures.items()}
    writers |= {path: _saving(draw) for path, draw in paths.items()}
    if process_index() == 0:
        write_files(writers)
    return _told(options, kind, list(paths))


def _check(options: argparse.Namespace) -> None:
    """Refuse, before any work is done, what could not be done at its end."""
    source, folder, html = options.source, options.output_dir, options.html
    if not source.exists():
        raise UserError(f"'{source}' does not exist. Name an output folder, a history file, a profile or a ranking.")
    if source.is_file() and source.suffix not in (".json", ".jsonl"):
        raise UserError(f"SOURCE must be a folder, a .jsonl history or a .json result, found '{source}'.")
    if options.view == "none" and html is None:
        raise UserError("--view none draws nothing: give --html as well.")
    if html is not None and html.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--html must be a .html file, found '{html}'.")
    if html is not None and html.is_dir():
        raise UserError(f"--html must be a file, found the folder '{html}'.")
    places = [] if html is None else [("--html", html.parent)]
    if options.view != "none":
        places.append(("--output-dir", folder or (source if source.is_dir() else source.parent)))
        if find_spec("matplotlib") is None:
            raise UserError(
                "Figures need matplotlib, which is not installed: `pip install 'hf-metalr[plot]'`. "
                "--view none --html report.html needs none."
            )
    for option, place in places:
        if place.is_file():
            raise UserError(f"{option} needs a folder, found the file '{place}'.")
        if not place.is_dir():
            raise UserError(f"{option} must lie in an existing folder, found '{place}'. Create it first.")
        if not os.access(place, os.W_OK):
            raise UserError(f"{option}: '{place}' may not be written. Choose another folder.")


def _of_run(found: "Run", view: str) -> "dict[str, Callable[[], Figure]]":
    """Return the figures of a run by the names of their files."""
    from hf_metalr import plotting

    rows, heads = found.rows, found.head_groups
    figures: dict[str, Callable[[], Figure]] = {}
    if view in ("rates", "all"):
        figures["learned_rates"] = lambda: plotting.plot_learning_rates(rows, heads)
    if view in ("heatmap", "all"):
        figures["learned_rates_heatmap"] = lambda: plotting.plot_learning_rates_heatmap(rows, heads)
    if view == "hypergradients" or (view == "all" and plotting.has_hypergradients(rows)):
        figures["hypergradients"] = lambda: plotting.plot_hypergradients(rows, heads)
    if view == "all" and found.profile is not None:
        figures["transferability"] = found.profile.plot
    return figures


def _of_result(path: Path) -> "tuple[str, dict[str, Callable[[], Figure]]]":
    """Return what kind of result a JSON file holds, and its figure by the name of its file."""
    from hf_metalr.checked_json import read_object
    from hf_metalr.ranking import Ranking
    from hf_metalr.ranking.schema import SCHEMA as RANKING
    from hf_metalr.report.run import MOST_BYTES
    from hf_metalr.transferability import TransferabilityProfile
    from hf_metalr.transferability.storage import SCHEMA as PROFILE

    schema = read_object(path, MOST_BYTES, "profile or ranking").get("schema")
    if schema == PROFILE:
        return "transferability", {path.stem: TransferabilityProfile.load(path).plot}
    if schema == RANKING:
        return "ranking", {path.stem: Ranking.load(path).plot}
    raise UserError(
        f"'{path}' must be a saved profile ('{PROFILE}') or ranking ('{RANKING}'), found schema {str(schema)[:80]!r}. "
        "Of a run name the output folder."
    )


def _saving(draw: "Callable[[], Figure]") -> Callable[[Path], object]:
    # SVG without the date, so that the same run gives the same file.
    return lambda path: draw().savefig(
        path, dpi=DOTS_PER_INCH, metadata={"Date": None} if path.suffix == ".svg" else None
    )


def _told(options: argparse.Namespace, kind: str, figures: list[Path]) -> str:
    report = None if options.html is None else str(options.html)
    if options.json:
        content: dict[str, Any] = {"kind": kind, "figures": [str(path) for path in figures], "report": report}
        return json.dumps(content, indent=2, ensure_ascii=False)
    return "\n".join([*map(str, figures), *([] if report is None else [report])])


COMMAND = Command(
    summary="figures and an HTML report of a run, a profile or a ranking",
    description=DESCRIPTION,
    examples=EXAMPLES,
    add_options=add_options,
    run=run,
)
