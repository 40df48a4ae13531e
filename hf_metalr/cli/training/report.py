"""What a run leaves behind beside the model: which row was in which split; and what it prints."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_metalr.cli.data.table import Table
from hf_metalr.cli.errors import UserError
from hf_metalr.tables import console_table

SPLITS_NAME = "splits.json"


def splits_record(
    table: Table, splits: Mapping[str, Sequence[int]], seed: int, shares: Mapping[str, float]
) -> dict[str, Any]:
    """Return which row of the data is in which split, so that a run can be repeated elsewhere."""
    files = table.files()
    return {
        "schema": "hf-metalr-splits/1",
        "seed": seed,
        "shares": dict(shares),
        "splits": {
            name: [
                {"row": table.origins[row][1]}
                | ({"from": table.origins[row][0]} if table.origins[row][0] else {})
                | ({"file": files[row]} if files[row] else {})
                for row in rows
            ]
            for name, rows in splits.items()
        },
    }


def keep_splits(folder: Path, record: dict[str, Any], resume: bool) -> None:
    """Write the record, or, where a run goes on, make sure that it is still the same.

    Raises:
        UserError: the splits differ from those that the run began with.
    """
    path = folder / SPLITS_NAME
    if resume and path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        if before.get("splits") != record["splits"]:
            raise UserError(
                f"--resume: the data or the options of the splits have changed since the run in '{folder}' began "
                f"({SPLITS_NAME} differs): test images could have been trained on. Give the same data and --seed, or "
                "start anew in another --output-dir."
            )
        return
    path.write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")


def console_text(result: Mapping[str, Any]) -> str:
    """Return the metrics of every split as a table, and where everything lies."""
    names = list(dict.fromkeys(name for metrics in result["metrics"].values() for name in metrics))
    rows = [
        [split, str(result["splits"][split]), *(_number(metrics.get(name)) for name in names)]
        for split, metrics in result["metrics"].items()
    ]
    table = (
        console_table(["split", "samples", *names], rows) if rows else "No validation or test split: nothing measured."
    )
    rates = result["learned_rates"].values()
    learned = [f"Learned rates of {len(rates)} layer groups: {min(rates):.1e} to {max(rates):.1e}."] if rates else []
    chosen = (
        [f"Best model by validation {result['best_metric']}: step {result['best_step']}."]
        if result["best_step"]
        else []
    )
    figure = [f"Figure of the rates: {result['figure']}."] if result["figure"] else []
    return "\n".join([table, "", *chosen, *learned, *figure, f"Everything is in {result['output_dir']}."])


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
