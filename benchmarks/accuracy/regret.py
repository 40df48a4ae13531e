"""How far runs are ahead of, or behind, the best rate of a tuned sweep on the same seeds: the table of `defaults`.

The sweep is plain AdamW under one schedule. Of each task its rate is chosen on validation, by the mean over all its
seeds, as somebody would who had swept with several seeds; on the test split the same rate is compared. Differences are
paired by seed.

Run: python -m benchmarks.accuracy.regret benchmarks/results/accuracy/{sweeps,defaults}.jsonl
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.accuracy.store import read_results
from benchmarks.accuracy.summary import method_of, task_of
from hf_metalr.equations.bootstrap import bootstrap_interval

Row = Mapping[str, Any]
Runs = dict[int, Row]  # by seed
SPLITS = ("validation", "test")


def score(row: Row, split: str) -> float:
    """Return the balanced accuracy of a run, in points."""
    return 100 * float(row[split]["balanced_accuracy"])


def tuned(sweep: Mapping[float, Runs]) -> float:
    """Return the rate with the best mean on validation.

    Args:
        sweep: runs by seed, by rate.
    """
    return max(sweep, key=lambda rate: sum(score(row, "validation") for row in sweep[rate].values()) / len(sweep[rate]))


def ahead(runs: Runs, opponent: Runs, split: str) -> list[float]:
    """Return points ahead of the opponent, for every seed that both have."""
    return [score(runs[seed], split) - score(opponent[seed], split) for seed in sorted(runs.keys() & opponent.keys())]


def table(rows: Iterable[Row], schedule: str = "linear") -> str:
    """Return the table of all methods but the sweep, one line per method, steps and stated rate."""
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
            lines.append(_line([str(steps), method, "none" if rate is None else f"{rate:g}", *cells, means]))
    return "\n".join(lines)


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
    options = parser.parse_args(argv)
    rows = {row["key"]: row for path in options.results for row in read_results(path)}
    print(table(rows.values(), options.schedule))


if __name__ == "__main__":
    main()
