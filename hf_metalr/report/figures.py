"""Which figures a run or a saved result has, each drawn when it is asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hf_metalr.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hf_metalr.report import Run


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
