"""Tables and the figure of one or more result files.

Run: python -m benchmarks.accuracy.report benchmarks/results/accuracy/first-look.jsonl --out FOLDER
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.accuracy.store import read_results
from benchmarks.accuracy.summary import RATES, Row, Scores, estimate, mean_ranks, regrets
from hf_metalr.tables import markdown_table


def page(rows: Sequence[Row], metric: str, split: str) -> str:
    """Return the report in Markdown."""
    scores = Scores(rows, metric, split)
    sections = [
        f"# {metric} on the {split} split: {len(rows)} runs, {len(scores.tasks)} tasks",
        "## By initial rate, mean over tasks and seeds",
        _by_rate(scores),
        f"## Started anywhere in {', '.join(f'{rate:g}' for rate in RATES)}",
        _over_rates(scores),
        "## Behind the best fixed rate of each task (points; negative is better)",
        _regrets(scores),
        "## By task: mean over the rates, and the best fixed rate",
        _by_task(scores),
    ]
    return "\n\n".join(sections) + "\n"


def _by_rate(scores: Scores) -> str:
    rates = sorted({rate for method in scores.methods for rate in scores.rates(method) if rate is not None})
    rows = []
    for method in scores.methods:
        cells = []
        for rate in rates:
            found = [scores.at(method, run, rate) for run in scores.runs(method)]
            values = [score for score in found if score is not None]
            cells.append(str(estimate(values)) if values else "")
        rows.append([method, *cells])
    return markdown_table(["method", *(f"{rate:g}" for rate in rates)], rows)


def _over_rates(scores: Scores) -> str:
    complete = [m for m in scores.methods if any(scores.over_rates(m, run) is not None for run in scores.runs(m))]
    ranks = mean_ranks(scores, complete) if complete else {}
    rows = []
    for method in complete:
        found = [values for run in scores.runs(method) if (values := scores.over_rates(method, run)) is not None]
        mean, worst = (estimate(map(how, found)) for how in (lambda v: sum(v) / len(v), min))
        rank = f"{ranks[method].mean:.2f}" if method in ranks else ""
        rows.append((mean.mean, [method, str(mean), str(worst), rank, str(len(found))]))
    ordered = [cells for _, cells in sorted(rows, key=lambda row: -row[0])]
    return markdown_table(["method", "mean over rates", "worst rate", "mean rank", "sweeps"], ordered)


def _regrets(scores: Scores) -> str:
    rows = []
    for method in scores.methods:
        found = regrets(scores, method)
        at = {rate: found[rate] for rate in RATES if rate in found}
        cells = [f"{100 * at[rate].mean:+.1f} ± {100 * at[rate].error:.1f}" if rate in at else "" for rate in RATES]
        if None in found:
            rows.append([method, *[""] * len(RATES), f"{100 * found[None].mean:+.1f}"])
        elif at:  # a mean over some of the rates would not compare
            mean = sum(estimate.mean for estimate in at.values()) / len(RATES)
            rows.append([method, *cells, f"{100 * mean:+.1f}" if len(at) == len(RATES) else ""])
    return markdown_table(["method", *(f"{rate:g}" for rate in RATES), "mean"], rows)


def _by_task(scores: Scores) -> str:
    rows = []
    for method in scores.methods:
        cells = []
        for task in scores.tasks:
            found = [values for run in scores.runs(method, task) if (values := scores.over_rates(method, run))]
            mean = f"{estimate(sum(values) / len(values) for values in found).mean:.3f}" if found else ""
            best = scores.best_rate(method, task)
            cells.append(f"{mean} (best {best[1].mean:.3f} at {best[0]})" if best else "")
        rows.append([method, *cells])
    return markdown_table(["method", *scores.tasks], rows)


def main(argv: list[str] | None = None) -> None:
    """Write the report from the command line; print it without ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="+", type=Path, help="JSON lines of one or more grids")
    parser.add_argument("--metric", default="balanced_accuracy")
    parser.add_argument("--split", default="validation", choices=["validation", "test"])
    parser.add_argument("--backbone", help="only this network")
    parser.add_argument("--out", type=Path, help="folder for report.md and accuracy_by_rate.png")
    options = parser.parse_args(argv)
    rows = [row for path in options.results for row in read_results(path)]
    rows = [row for row in rows if options.backbone in (None, row["cell"]["backbone"])]
    text = page(rows, options.metric, options.split)
    if options.out is None:
        print(text)
        return
    from benchmarks.accuracy.figure import accuracy_by_rate

    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "report.md").write_text(text, encoding="utf-8")
    figure = accuracy_by_rate(Scores(rows, options.metric, options.split), options.metric)
    figure.savefig(options.out / "accuracy_by_rate.png", dpi=200)


if __name__ == "__main__":
    main()
