"""The tables of docs/benchmarks.md: whatever is chosen is chosen on validation, what is shown is the test split.

Run: python -m benchmarks.accuracy.evidence RESULTS.jsonl … --out docs/images
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.accuracy.store import read_results
from benchmarks.accuracy.summary import Row, Scores, estimate, method_of, task_of
from hf_metalr.tables import markdown_table

METRIC = "balanced_accuracy"
RATES = (1e-5, 1e-4, 1e-3, 1e-2)
COMMON_RATES = RATES[1:]  # those at which every rival ran
DRAWS = 2000


def against_the_sweep(rows: Sequence[Row], ours: str = "metalr", sweep: str = "adamw") -> str:
    """One run of ours from each initial rate against the sweep's best rate, which validation chose for each task."""
    validation, test = (Scores(rows, METRIC, split) for split in ("validation", "test"))
    table, means = [], []
    for task in validation.tasks:
        best = validation.best_rate(sweep, task)
        runs = validation.runs(ours, task)
        if best is None or not runs:
            continue
        gains = [[_gain(scores, ours, rate, sweep, best[0], runs) for scores in (validation, test)] for rate in RATES]
        means.append([[100 * float(np.mean(gain)) if gain else None for gain in pair] for pair in gains])
        own = [test.at(sweep, run, best[0]) for run in test.runs(sweep, task)]
        known = [value for value in own if value is not None]
        seeds = max(len(pair[0]) for pair in gains)
        score = f"{best[1].mean:.3f} / {np.mean(known):.3f}"
        table.append([task, f"{best[0]:g}", score, *map(_points, means[-1]), str(seeds)])
    if len(table) > 1:
        table.append([f"mean of {len(table)}", "", "", *_mean_points(means), ""])
    return markdown_table(
        ["task", "best fixed rate", "its score", *(f"from {rate:g}" for rate in RATES), "seeds"], table
    )


def _points(pair: Sequence[float | None]) -> str:
    """Validation / test."""
    return " / ".join(f"{value:+.1f}" for value in pair if value is not None)


def _mean_points(means: Sequence[Sequence[Sequence[float | None]]]) -> list[str]:
    """The mean over tasks at every initial rate; nothing where a task has not run there."""
    columns = zip(*means, strict=True)
    return [
        "" if any(None in pair for pair in column) else _points([float(v) for v in np.mean(column, axis=0)])
        for column in columns
    ]


def _gain(
    scores: Scores, ours: str, rate: float, sweep: str, best: float | None, runs: Sequence[tuple[str, int]]
) -> list[float]:
    pairs = [(scores.at(ours, run, rate), scores.at(sweep, run, best)) for run in runs]
    return [own - other for own, other in pairs if own is not None and other is not None]


def over_rates(rows: Sequence[Row], pairs_of: str, rates: Sequence[float] = COMMON_RATES) -> str:
    """Mean and worst test score over the initial rates, and mean rank with a bootstrap interval over (task, seed).

    Args:
        rows: results.
        pairs_of: the (task, seed) pairs are those at which this method ran at all of the rates; a method that lacks one
            of them is left out.
        rates: initial rates.
    """
    test = Scores(rows, METRIC, "test")
    every = {
        method: {run for run in test.runs(method) if test.over_rates(method, run, rates)} for method in test.methods
    }
    shared = every.get(pairs_of)
    if not shared:
        return f"{pairs_of} ran at all of the rates nowhere yet"
    methods = [method for method in test.methods if shared <= every[method]]
    scores = np.array([[test.over_rates(method, run, rates) for run in sorted(shared)] for method in methods], float)
    ranks = np.array([[_ranks(scores[:, run, rate]) for rate in range(len(rates))] for run in range(scores.shape[1])])
    ranks = ranks.mean(1).T  # (methods, runs)
    random = np.random.default_rng(0)
    draws = ranks[:, random.integers(ranks.shape[1], size=(DRAWS, ranks.shape[1]))].mean(2)
    low, high = np.quantile(draws, [0.025, 0.975], axis=1)
    order = np.argsort(ranks.mean(1))
    table = [
        [
            methods[index],
            f"{scores[index].mean():.3f}",
            f"{scores[index].min(1).mean():.3f}",
            f"{scores[index].max(1).mean():.3f}",
            f"{ranks[index].mean():.1f} [{low[index]:.1f}, {high[index]:.1f}]",
        ]
        for index in order
    ]
    heading = ["method", "mean", "worst rate", "best rate", "mean rank [95 %]"]
    return f"{len(shared)} (task, seed) pairs, rates {', '.join(f'{rate:g}' for rate in rates)}.\n\n" + markdown_table(
        heading, table
    )


def _ranks(values: np.ndarray) -> np.ndarray:
    """1 is best; ties share the mean of their places."""
    return 1 + (values[None] > values[:, None]).sum(1) + ((values[None] == values[:, None]).sum(1) - 1) / 2


def parts(rows: Sequence[Row], sweep: str = "adamw") -> str:
    """Ours with a part taken away or exchanged: points of validation score behind the sweep's best rate."""
    validation = Scores(rows, METRIC, "validation")
    shown = [m for m in validation.methods if m.startswith(("metalr", "replay"))]
    full = set(validation.runs("metalr trust_region=False"))
    table = []
    for method in shown:
        cells = []
        for rate in (1e-5, 1e-3, 1e-2):
            gains = [
                validation.at(sweep, run, best[0]) - own  # type: ignore[operator]
                for run in validation.runs(method)
                if run in full
                and (own := validation.at(method, run, rate)) is not None
                and (best := validation.best_rate(sweep, run[0])) is not None
                and validation.at(sweep, run, best[0]) is not None
            ]
            cells.append(f"{100 * estimate(gains).mean:+.1f} ± {100 * estimate(gains).error:.1f}" if gains else "")
        table.append([method, *cells])
    return markdown_table(["method", "from 1e-05", "from 0.001", "from 0.01"], table)


def page(rows: Sequence[Row]) -> str:
    """Return the tables in Markdown."""
    return "\n\n".join(
        [
            "## One run against the best of a sweep (points, validation / test)",
            against_the_sweep(rows),
            "## The same against fixed rates under a cosine schedule",
            against_the_sweep(rows, sweep="adamw cosine"),
            "## The same against fixed rates with twice the steps",
            against_the_sweep(rows, sweep="adamw 200 steps"),
            "## The same against fixed rates with twice the steps under a cosine schedule",
            against_the_sweep(rows, sweep="adamw 200 steps cosine"),
            "## Over initial rates, test",
            over_rates(rows, "metalr", RATES),
            over_rates(rows, "head_10x"),
            "## Parts and controls, points behind the best fixed rate on validation (lower is better)",
            parts(rows),
        ]
    )


def main(argv: list[str] | None = None) -> None:
    """Print the tables; draw the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, help="folder for the figures")
    options = parser.parse_args(argv)
    rows = [row for path in options.results for row in read_results(path)]
    print(page(rows))
    if options.out is not None:
        from benchmarks.accuracy.figure import accuracy_by_rate, final_rates

        options.out.mkdir(parents=True, exist_ok=True)
        main_tasks = [row for row in rows if task_of(row).endswith("-400 mobilenetv2")]
        shown = ("adamw", "metalr", "adamw cosine", "head_10x", "schedule_free", "prodigy", "dog")
        chosen = [row for row in main_tasks if method_of(row) in shown]
        accuracy_by_rate(Scores(chosen, METRIC, "test"), METRIC).savefig(
            options.out / "accuracy_by_constant_rate.png", dpi=200
        )
        learned = [row for row in main_tasks if method_of(row) == "metalr"]
        final_rates(learned).savefig(options.out / "rates_by_layer.png", dpi=200)


if __name__ == "__main__":
    main()
