"""Learned rates against the same start and schedule with nothing learned (``hyper_lr`` 1e-9), paired by task and seed.

Run: python -m benchmarks.accuracy.learned_or_not benchmarks/results/accuracy/{wrong-starts,defaults}.jsonl
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.accuracy.store import read_results
from benchmarks.accuracy.summary import method_of, task_of
from hf_metalr.equations.bootstrap import bootstrap_interval
from hf_metalr.tables import markdown_table

Row = Mapping[str, Any]
NOTHING = 1e-9
SPLITS = ("validation", "test")


def pairs(rows: Iterable[Row]) -> dict[tuple[str, str], list[tuple[Row, Row]]]:
    """Return, by start and stated rate, the runs that learn with those that start alike and do not."""
    runs: dict[Any, dict[bool, Row]] = defaultdict(dict)
    for row in rows:
        settings = dict(row["cell"]["settings"])
        learns = settings.pop("hyper_lr", None) != NOTHING
        cell = {**row["cell"], "settings": settings}
        start = method_of({"cell": cell}) + ("" if cell["pretrained"] else ", random weights")
        rate = "none" if cell["rate"] is None else f"{cell['rate']:g}"
        runs[start, rate, task_of(row), cell["seed"]][learns] = row
    found: dict[tuple[str, str], list[tuple[Row, Row]]] = defaultdict(list)
    for (start, rate, _, _), both in runs.items():
        if len(both) == 2:
            found[start, rate].append((both[True], both[False]))
    return found


def table(rows: Iterable[Row]) -> str:
    """Return one line per start: mean balanced accuracies, and the points that learning adds, with 95 % intervals."""
    lines = []
    for (start, rate), both in pairs(rows).items():
        cells = [start, rate, str(len(both))]
        for split in SPLITS:
            learned, nothing = (
                [100 * row[split]["balanced_accuracy"] for row in side] for side in zip(*both, strict=True)
            )
            gains = torch.tensor(learned, dtype=torch.float64) - torch.tensor(nothing, dtype=torch.float64)
            low, high = bootstrap_interval(gains)
            cells.append(f"{_mean(learned):.1f} / {_mean(nothing):.1f}")
            cells.append(f"{gains.mean().item():+.1f} [{low:+.1f}, {high:+.1f}]")
        lines.append(cells)
    header = ["start", "stated rate", "runs"]
    for split in SPLITS:
        header += [f"{split}, learned / nothing", "gain [95 %]"]
    return markdown_table(header, lines)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path, help="JSON lines of one or more grids")
    options = parser.parse_args(argv)
    print(table({row["key"]: row for path in options.results for row in read_results(path)}.values()))


if __name__ == "__main__":
    main()
