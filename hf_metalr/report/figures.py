"""What a run or a saved result has to be drawn: figures, each drawn when it is asked for, and the report of a run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hf_metalr.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hf_metalr.report import Run


@dataclass(frozen=True)
class Drawn:
    """What can be drawn of a source.

    Attributes:
        kind: run, transferability or ranking.
        figures: by the names of their files, without suffix.
        report: page of a run, where it is asked for.
    """

    kind: str
    figures: "dict[str, Callable[[], Figure]]"
    report: str | None = None


def drawn_from(source: Path, view: str, *, report: bool) -> Drawn:
    """Return what a source has to be drawn.

    Args:
        source: output folder of a run, its history, or the JSON file of a profile or ranking.
        view: which figures of a run: rates, heatmap, hypergradients, all or none.
        report: whether the page of a run is asked for.

    Raises:
        InputError: a file of another kind, a damaged one, or a page of something that is no run.
    """
    if source.suffix == ".json":
        if report:
            raise InputError(
                "html", f"reports a run; '{source}' is none. Name the run's output folder, or leave it out."
            )
        return Drawn(*figures_of_result(source))
    from hf_metalr.report import build_report, read_run

    found = read_run(source)
    return Drawn("run", figures_of_run(found, view), build_report(found) if report else None)


def figures_of_run(found: "Run", view: str) -> "dict[str, Callable[[], Figure]]":
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


def figures_of_result(path: Path) -> "tuple[str, dict[str, Callable[[], Figure]]]":
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
    raise InputError(
        None,
        f"'{path}' must be a saved profile ('{PROFILE}') or ranking ('{RANKING}'), found schema {str(schema)[:80]!r}. "
        "Of a run name the output folder.",
    )
