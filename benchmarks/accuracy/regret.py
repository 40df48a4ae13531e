"""How far runs are ahead of, or behind, the best rate of a tuned sweep on the same seeds: the table of `defaults`.

The sweep is plain AdamW under one schedule. Of each task its rate is chosen on validation, by the mean over all its
seeds, as somebody would who had swept with several seeds; on the test split the same rate is compared. Differences are
paired by seed.

Of a rival that needs a rate, ``--best`` shows the one of its rates that validation chooses, task by task.

Run: python -m benchmarks.accuracy.regret benchmarks/results/accuracy/{sweeps,defaults}.jsonl --figure docs/images
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.accuracy.store import read_results
from benchmarks.accuracy.summary import Scores, method_of, task_of
from hf_metalr.equations.bootstrap import bootstrap_interval

Row = Mapping[str, Any]
Runs = dict[int, Row]  # by seed
SPLITS = ("validation", "test")
METRIC = "balanced_accuracy"


def score(row: Row, split: str) -> float:
    """Return the balanced accuracy of a run, in points."""
    return 100 * float(row[split][METRIC])


def tuned(sweep: Mapping[float, Runs]) -> float:
    """Return the rate with the best mean on validation.

    Args:
        sweep: runs by seed, by rate.
    """
    return max(sweep, key=lambda rate: sum(score(row, "validation") for row in sweep[rate].values()) / len(sweep[rate]))


def ahead(runs: Runs, opponent: Runs, split: str) -> list[float]:
    """Return points ahead of the opponent, for every seed that both have."""
    return [score(runs[seed], split) - score(opponent[seed], split) for seed in sorted(runs.keys() & opponent.keys())]


def table(rows: Iterable[Row], schedule: str = "linear", best: bool = False) -> str:
    """Return the table of all methods but the sweep, one line per method, steps and stated rate.

    Args:
        rows: of the sweep and of what is compared with it.
        schedule: of the sweep.
        best: one line per method and steps instead, at the rate that validation chooses for each task.
    """
    sweeps: dict[Any, dict[float, Runs]] = defaultdict(lambda: defaultdict(dict))
    others: dict[Any, dict[Any, Runs]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        cell = row["cell"]
        task = (cell["steps"], task_of(row))
        if cell["method"] == "adamw":
            if cell["settings"].get("schedule") == schedule:
                sweeps[task][cell["rate"]][cell["seed"]] = row
        else:
            others[cell["steps"], method_of(row), cell["rate"]][task][cell["seed"]] = row
    if best:
        others = _at_best_rates(others)
    header = ["steps", "method", "stated rate", *sorted({task[1] for task in sweeps}), "mean [95 %]"]
    lines = [_line(header), _line(["---"] * len(header))]
    for steps, method, rate in sorted(others, key=str):
        by_task = others[steps, method, rate]
        cells, pooled = [], {split: list[float]() for split in SPLITS}
        for name in header[3:-1]:
            found = _differences(by_task.get((steps, name), {}), sweeps.get((steps, name), {}))
            cells.append(" / ".join(f"{_mean(found[split]):+.1f}" for split in SPLITS) if found["test"] else "")
            for split in SPLITS:
                pooled[split] += found[split]
        if pooled["test"]:
            means = " / ".join(_with_interval(pooled[split]) for split in SPLITS)
            stated = rate if isinstance(rate, str) else "none" if rate is None else f"{rate:g}"
            lines.append(_line([str(steps), method, stated, *cells, means]))
    return "\n".join(lines)


def _at_best_rates(others: Mapping[Any, Mapping[Any, Runs]]) -> dict[Any, dict[Any, Runs]]:
    by_method: dict[Any, dict[Any, dict[float, Runs]]] = defaultdict(lambda: defaultdict(dict))
    chosen: dict[Any, dict[Any, Runs]] = {}
    for (steps, method, rate), by_task in others.items():
        if rate is None:
            chosen[steps, method, None] = dict(by_task)
        else:
            for task, runs in by_task.items():
                by_method[steps, method][task][rate] = runs
    for (steps, method), tasks in by_method.items():
        rates = len({rate for found in tasks.values() for rate in found})
        chosen[steps, method, f"best of {rates}"] = {task: found[tuned(found)] for task, found in tasks.items()}
    return chosen


def headline_rows(rows: Iterable[Row], schedule: str = "linear") -> list[Row]:
    """Return the runs of 100 steps that the picture shows, under the names it shows: Trainer, our defaults."""
    shown = []
    for row in rows:
        cell, wanted = row["cell"], None
        if cell["method"] == "adamw" and cell["settings"] == {"schedule": schedule}:
            wanted = "Trainer"
        elif cell["method"] == "metalr" and cell["settings"] == {"lr_scheduler_type": schedule}:
            wanted = "MetaLR, no rate" if cell["rate"] is None else "MetaLR, rate stated"
        if wanted is not None and cell["steps"] == 100:
            shown.append(dict(row) | {"cell": dict(cell) | {"method": wanted, "settings": {}}})
    return shown


def _differences(runs: Runs, sweep: Mapping[float, Runs]) -> dict[str, list[float]]:
    if not runs or not sweep:
        return {split: [] for split in SPLITS}
    return {split: ahead(runs, sweep[tuned(sweep)], split) for split in SPLITS}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _with_interval(values: Sequence[float]) -> str:
    low, high = bootstrap_interval(torch.tensor(values, dtype=torch.float64))
    return f"{_mean(values):+.1f} [{low:+.1f}, {high:+.1f}]"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path, help="JSON lines of the sweep and of what is compared with it")
    parser.add_argument("--schedule", default="linear", help="of the sweep (default: linear)")
    parser.add_argument("--best", action="store_true", help="each method at the best of its rates")
    parser.add_argument("--figure", type=Path, help="folder for accuracy_by_rate.png")
    options = parser.parse_args(argv)
    rows = {row["key"]: row for path in options.results for row in read_results(path)}
    print(table(rows.values(), options.schedule, options.best))
    if options.figure is not None:
        from benchmarks.accuracy.figure import accuracy_by_rate

        scores = Scores(headline_rows(rows.values(), options.schedule), METRIC, "test")
        accuracy_by_rate(scores, METRIC).savefig(options.figure / "accuracy_by_rate.png", dpi=200)


if __name__ == "__main__":
    main()
