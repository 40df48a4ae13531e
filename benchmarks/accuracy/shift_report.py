"""Tables of the shifts: learned rates against uniform ones and Auto-RGN, and against each block alone.

Run: python -m benchmarks.accuracy.shift_report benchmarks/results/accuracy/shifts.jsonl
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from benchmarks.accuracy.rivals.blocks import blocks
from benchmarks.accuracy.shifts import SHIFTS
from benchmarks.accuracy.store import read_results
from benchmarks.accuracy.summary import Row, Scores, estimate
from hf_metalr.tables import markdown_table

LEARNED, UNIFORM, AUTO_RGN = "metalr", "adamw", "auto_rgn"
METRIC = "balanced_accuracy"
Place = tuple[str, str]  # network, image set


def page(rows: Sequence[Row], split: str) -> str:
    """Return the report in Markdown."""
    rows = [row for row in rows if row["cell"]["dataset"].rpartition("_")[2] in SHIFTS]
    sections = [
        f"# {METRIC} on the {split} split: {len(rows)} runs",
        "Rates are chosen on the validation split, by the mean over seeds; differences in points.",
        _against_rivals(rows, split),
        "## Blocks: gain of tuning each one alone (validation, points), and its learned rate relative to all blocks",
        _by_block(rows),
    ]
    return "\n\n".join(sections) + "\n"


def places(rows: Sequence[Row]) -> dict[Place, list[Row]]:
    """Return the rows of each network and shifted set."""
    found: dict[Place, list[Row]] = {}
    for row in rows:
        found.setdefault((row["cell"]["backbone"], row["cell"]["dataset"]), []).append(row)
    return found


def at_best_rate(rows: Sequence[Row], method: str, split: str) -> tuple[float | None, dict[int, float]] | None:
    """Return the rate with the best mean validation score over seeds, and the scores on ``split`` by seed.

    The rate is None for a method that takes none.

    Args:
        rows: of one place.
        method: name of the method, whatever its settings.
        split: "validation" or "test".

    Returns:
        None where the method has no rate at which all of its seeds ran.
    """
    own = [row for row in rows if row["cell"]["method"] == method and row[split] is not None]
    validation = Scores(own, METRIC, "validation")
    best = [validation.best_rate(name, task) for name in validation.methods for task in validation.tasks]
    if len(best) > 1:
        raise ValueError(f"{method} must have one choice of settings at each place; found {validation.methods}.")
    if not best or best[0] is None:
        return None
    rate = best[0][0]
    return rate, {row["cell"]["seed"]: row[split][METRIC] for row in own if row["cell"]["rate"] == rate}


def _against_rivals(rows: Sequence[Row], split: str) -> str:
    header = ["network", "shift", "unadapted", "uniform (rate)", "Auto-RGN (rate)", "learned"]
    lines: list[list[str]] = []
    gains: dict[str, dict[str, list[float]]] = {}  # network → rival → learned minus rival, by shift and seed
    for (network, dataset), own in places(rows).items():
        found = {method: at_best_rate(own, method, split) for method in (UNIFORM, AUTO_RGN, LEARNED)}
        learned = found[LEARNED]
        by_rival = gains.setdefault(network, {UNIFORM: [], AUTO_RGN: []})
        cells, differences = [], []
        for rival in (UNIFORM, AUTO_RGN):
            other = found[rival]
            cells.append(f"{estimate(other[1].values())} ({other[0]})" if other else "")
            gain = (
                [learned[1][seed] - other[1][seed] for seed in {*learned[1]} & {*other[1]}] if learned and other else []
            )
            by_rival[rival] += gain
            differences.append(_points(gain))
        cells.append(str(estimate(learned[1].values())) if learned else "")
        lines.append([network, dataset, _unadapted(own, split), *cells, *differences])
    for network, by_rival in gains.items():
        lines.append([network, "mean", *[""] * 4, *map(_points, by_rival.values())])
    overall = [[gain for by_rival in gains.values() for gain in by_rival[rival]] for rival in (UNIFORM, AUTO_RGN)]
    lines.append(["all", "mean", *[""] * 4, *map(_points, overall)])
    return markdown_table([*header, "learned - uniform", "learned - Auto-RGN"], lines)


def _unadapted(rows: Sequence[Row], split: str) -> str:
    found = [row[split] for row in rows if row["cell"]["method"] == "unadapted" and row[split] is not None]
    return f"{found[0][METRIC]:.3f}" if found else ""


def _points(gains: Sequence[float]) -> str:
    if not gains:
        return ""
    found = estimate(gains)
    return f"{100 * found.mean:+.1f}" + (f" ± {100 * found.error:.1f}" if found.count > 1 else "")


def block_gains(rows: Sequence[Row]) -> dict[str, float]:
    """Return what tuning each block alone adds to the validation score, at the better rate, mean over seeds.

    Args:
        rows: of one place. Without a row of ``unadapted`` the scores themselves are returned.
    """
    before = [row["validation"][METRIC] for row in rows if row["cell"]["method"] == "unadapted"]
    by_rate: dict[str, dict[float, list[float]]] = {}
    for row in rows:
        if row["cell"]["method"] == "block_only":
            rates = by_rate.setdefault(row["cell"]["settings"]["block"], {})
            rates.setdefault(row["cell"]["rate"], []).append(row["validation"][METRIC])
    start = before[0] if before else 0.0
    return {block: max(map(np.mean, rates.values())) - start for block, rates in by_rate.items()}


def block_rates(rows: Sequence[Row]) -> dict[str, float]:
    """Return the learned rate of each block, relative: 1 is the geometric mean over blocks.

    A block's rate is the geometric mean, over its layer groups and over seeds, of the base rates at the last step.

    Args:
        rows: of one place.
    """
    logs: dict[str, list[float]] = {}
    for row in rows:
        if row["cell"]["method"] == LEARNED:
            last: Mapping[str, float] = row["rates"][max(row["rates"], key=int)]
            for block, groups in blocks(list(last)).items():
                logs.setdefault(block, []).extend(np.log([last[group] for group in groups]))
    means = {block: float(np.mean(values)) for block, values in logs.items()}
    center = np.mean(list(means.values())) if means else 0.0
    return {block: float(np.exp(mean - center)) for block, mean in means.items()}


def rank_correlation(rows: Sequence[Row]) -> float:
    """Return Spearman's correlation over blocks of the learned rate with the gain of tuning the block alone.

    Args:
        rows: of one place.

    Returns:
        NaN where fewer than three blocks have both, or one of the two is the same for all.
    """
    gains, rates = block_gains(rows), block_rates(rows)
    shared = [block for block in gains if block in rates]
    columns = [[values[block] for block in shared] for values in (gains, rates)]
    if len(shared) < 3 or any(len(set(column)) == 1 for column in columns):
        return float("nan")
    return float(spearmanr(*columns).statistic)


def _by_block(rows: Sequence[Row]) -> str:
    lines, found = [], []
    names = list(dict.fromkeys(block for own in places(rows).values() for block in block_gains(own)))
    for (network, dataset), own in places(rows).items():
        gains, rates = block_gains(own), block_rates(own)
        cells = [f"{100 * gains[name]:+.1f}" if name in gains else "" for name in names]
        cells = [
            f"{cell} (×{rates[name]:.2f})" if name in rates else cell for name, cell in zip(names, cells, strict=True)
        ]
        found.append(rank_correlation(own))
        lines.append([network, dataset, *cells, "" if np.isnan(found[-1]) else f"{found[-1]:+.2f}"])
    known = [value for value in found if not np.isnan(value)]
    lines.append(["all", "mean", *[""] * len(names), str(estimate(known)) if known else ""])
    return markdown_table(["network", "shift", *names, "Spearman"], lines)


def main(argv: list[str] | None = None) -> None:
    """Print the report, or write it with ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path, help="JSON lines of one or more grids")
    parser.add_argument("--split", default="validation", choices=["validation", "test"])
    parser.add_argument("--out", type=Path, help="Markdown file")
    options = parser.parse_args(argv)
    text = page([row for path in options.results for row in read_results(path)], options.split)
    if options.out is None:
        print(text)
    else:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
