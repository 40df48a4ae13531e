"""The table of the paper's own experiment, beside what the paper claims.

Run: python -m benchmarks.accuracy.paper.report benchmarks/results/accuracy/paper.jsonl
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.accuracy.cell import Cell
from benchmarks.accuracy.paper.choice import best_on_test, chosen_cells, chosen_epoch, family
from benchmarks.accuracy.store import read_results
from hf_metalr.tables import markdown_table

CLAIMS = Path(__file__).with_name("claims.yaml")
METRICS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro F1"}
OURS, PAPERS = "ours, default", "MetaLR as published"
# By method and by the one setting that tells its rows apart. The paper's names where it has them.
LABELS = {
    ("head_only", None): "last layer",
    ("adamw", None): "all layers",
    ("adamw", "linear"): "all layers, linear schedule †",
    ("first_last", None): "first + last layers",
    ("gradual_unfreezing", None): "layer-wise fine-tuning",
    ("auto_lr", None): "AutoLR (simplified)",
    ("auto_rgn", None): "Auto-RGN",
    ("published", None): PAPERS,
    ("published", "validation"): f"{PAPERS}, meta batches held out",
    ("released", None): "MetaLR as released",
    ("metalr", "linear"): OURS,
}


@dataclass(frozen=True)
class Line:
    """A method at its chosen rate.

    Args:
        label: its name in the table.
        cell: what ran.
        rates: how many rates it was chosen from.
        folds: fold → scores by epoch.
    """

    label: str
    cell: Cell
    rates: int
    folds: Mapping[int, Sequence[Mapping[str, Any]]]

    def scores(self, metric: str, pick: Any = chosen_epoch) -> dict[int, float]:
        """Return fold → test score in percent of the epoch that ``pick`` takes."""
        return {fold: 100 * epochs[pick(epochs)]["test"][metric] for fold, epochs in self.folds.items()}


def label_of(cell: Cell) -> str:
    """Return the name of a method in the table.

    Raises:
        ValueError: it has none.
    """
    settings = cell.settings
    kind = settings.get("schedule") or settings.get("lr_scheduler_type") or settings.get("meta")
    if (cell.method, kind) not in LABELS:
        raise ValueError(f"LABELS has no name for the method {cell.method!r} with {kind!r}; add one.")
    return LABELS[cell.method, kind]


def lines_of(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Return a line for each method, in the order of their first row, at the rate that fold 0's validation chose."""
    cells = {cell.key: cell for cell in (Cell.from_dict(row["cell"]) for row in rows)}
    families = [family(cell) for cell in cells.values()]
    lines = []
    for cell in chosen_cells(cells.values(), rows):
        folds = {row["fold"]: row["epochs"] for row in rows if Cell.from_dict(row["cell"]).key == cell.key}
        lines.append(Line(label_of(cell), cell, families.count(family(cell)), folds))
    return lines


def page(rows: Sequence[Mapping[str, Any]], claims: Mapping[str, Any]) -> str:
    """Return the report in Markdown."""
    lines = lines_of(rows)
    folds = {len(line.folds) for line in lines}
    count = str(max(folds)) if len(folds) == 1 else f"{min(folds)} to {max(folds)} (not finished)"
    epochs = max(len(row["epochs"]) for row in rows)
    sections = [
        f"# BUSI, {count} folds by group, 64 pixels, MobileNetV2, {epochs} epochs: test scores in percent",
        "Mean ± standard deviation over folds. The epoch is chosen by validation accuracy. Beside it: what the last "
        "epoch gives, and what choosing the epoch by the *test* fold would report. Rate: of the head; chosen from so "
        "many by the validation accuracy of fold 0, whose validation images are the test images of fold 1.",
        _table(lines, claims["busi_accuracy"]),
        "† not in the paper: ours without learned rates. The paper's network, a ResNet-18 pre-trained on ultrasound "
        "(USCL), is not at hand: levels do not compare with the paper's, orders may.",
        "## What the paper says",
        "\n".join(f"- {claim}" for claim in claims["claims"]),
        "## Paired: points of test accuracy ahead of each method, and folds ahead",
        _pairs(lines),
    ]
    return "\n\n".join(sections) + "\n"


def _table(lines: Sequence[Line], claimed: Mapping[str, float]) -> str:
    header = ["method", "rate", *METRICS.values(), "accuracy, last epoch", "accuracy, best on test", "bias"]
    header += ["paper, accuracy"] if claimed else []
    rows = []
    for line in lines:
        kept, best = line.scores("accuracy"), line.scores("accuracy", best_on_test)
        last = line.scores("accuracy", lambda epochs: len(epochs) - 1)
        bias = np.mean([best[fold] - kept[fold] for fold in kept])
        rate = f"{line.cell.rate:g}" + (f" of {line.rates}" if line.rates > 1 else "")
        cells = [line.label, rate, *(_spread(line.scores(metric)) for metric in METRICS)]
        cells += [_spread(last), _spread(best), f"{bias:+.1f}"]
        rows.append(cells + ([f"{claimed[line.label]:g}" if line.label in claimed else ""] if claimed else []))
    return markdown_table(header, rows)


def _spread(scores: Mapping[int, float]) -> str:
    values = list(scores.values())
    return f"{np.mean(values):.1f}" + (f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else "")


def _pairs(lines: Sequence[Line]) -> str:
    subjects = [line for line in lines if line.label in (PAPERS, OURS)]
    rows = [[line.label, *(_ahead(subject, line) for subject in subjects)] for line in lines]
    return markdown_table(["against", *(subject.label for subject in subjects)], rows)


def _ahead(subject: Line, other: Line) -> str:
    if subject is other:
        return ""
    own, theirs = subject.scores("accuracy"), other.scores("accuracy")
    differences = {fold: own[fold] - theirs[fold] for fold in own if fold in theirs}
    wins = sum(value > 0 for value in differences.values())
    return f"{np.mean(list(differences.values())):+.1f} ({wins} of {len(differences)})"


def main(argv: list[str] | None = None) -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="JSON lines of the experiment")
    options = parser.parse_args(argv)
    rows = read_results(options.results)
    if not rows:
        raise SystemExit(f"{options.results} holds no results; run benchmarks.accuracy.paper.run first.")
    print(page(rows, yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
