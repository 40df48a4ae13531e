"""The tables of `benchmarks.cost` in Markdown."""

from collections.abc import Sequence

HEADINGS = {
    "loop": "Time per step, bare PyTorch loop",
    "trainer": "Time per step, `MetaLRTrainer` against `Trainer`",
    "memory": "Peak memory, in copies of the trainable parameters beyond plain training",
}


def page(rows: Sequence[dict]) -> str:
    """Return the whole page: the environment, then one section per part that was measured."""
    environment = next(row for row in rows if row["part"] == "environment")
    lines = [
        "# Cost of learned rates",
        "",
        f"torch {environment['torch']}, transformers {environment['transformers']}, Python {environment['python']}, "
        f"{environment['machine']}, one thread. Each figure: median of the ratios to plain "
        f"training within each of {environment['rounds']} rounds of {environment['steps_per_round']} steps (min–max).",
    ]
    for part, heading in HEADINGS.items():
        measured = [row for row in rows if row["part"] == part]
        if measured:
            lines += ["", f"## {heading}", "", table(measured)]
    return "\n".join(lines) + "\n"


def table(rows: Sequence[dict]) -> str:
    """Return one part's rows as a table: a line per method, a column per model and batch size."""
    columns = list(dict.fromkeys((row["model"], row["batch_size"]) for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    cells = {(row["method"], row["model"], row["batch_size"]): _cell(row) for row in rows}
    lines = [
        "| method | " + " | ".join(f"{model}, batch {size}" for model, size in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    lines += [f"| {method} | " + " | ".join(cells[method, *column] for column in columns) + " |" for method in methods]
    return "\n".join(lines)


def _cell(row: dict) -> str:
    if row["part"] == "memory":
        return f"{row['extra_copies']:+.2f}" if row["extra_copies"] else f"{row['peak_bytes'] / 2**20:.0f} MiB"
    if row["ratio_min"] == row["ratio_max"] == 1:
        return f"{row['milliseconds']:.0f} ms"
    return f"{row['ratio']:.2f} × ({row['ratio_min']:.2f}–{row['ratio_max']:.2f})"
