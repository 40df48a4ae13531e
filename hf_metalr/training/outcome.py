"""What a run leaves behind beside the model: what it measured, and which row was in which split."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hf_metalr.errors import InputError, Parameter
from hf_metalr.tables import console_table
from hf_metalr.training.config import TrainingConfig
from hf_metalr.training.fit import finite
from hf_metalr.training.study import Study

SPLITS_NAME = "splits.json"


@dataclass(frozen=True)
class Outcome:
    """What a fine-tune came to; printed, it is the table of its metrics.

    Attributes:
        task: classification, multi-label, segmentation or regression.
        model: what was fine-tuned.
        output_dir: where everything is.
        inputs: columns of images or texts.
        labels: the classes or labels in the order of their numbers.
        splits: how many samples each has.
        metrics: by split; NaN where one is not defined.
        best_metric: what chose the best model.
        best_step: of the best model; None where none was chosen.
        steps: optimizer steps.
        learned_rates: base rate of every layer group.
        figure: of the rates.
    """

    task: str
    model: str
    output_dir: str
    inputs: list[str]
    labels: list[str]
    splits: dict[str, int]
    metrics: Mapping[str, Mapping[str, float]]
    best_metric: str | None
    best_step: int | None
    steps: int
    learned_rates: dict[str, float]
    figure: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON; what is not a finite number is None."""
        found: dict[str, Any] = finite(asdict(self))
        return found

    def __str__(self) -> str:
        names = list(dict.fromkeys(name for metrics in self.metrics.values() for name in metrics))
        found = finite(self.metrics)
        rows = [
            [split, str(self.splits[split]), *(_number(metrics.get(name)) for name in names)]
            for split, metrics in found.items()
        ]
        lines = [console_table(["split", "samples", *names], rows)] if rows else []
        lines += ["", *([] if rows else ["No validation or test split: nothing measured."])]
        if self.best_step:
            lines.append(f"Best model by validation {self.best_metric}: step {self.best_step}.")
        if rates := self.learned_rates.values():
            lines.append(f"Learned rates of {len(rates)} layer groups: {min(rates):.1e} to {max(rates):.1e}.")
        if self.figure:
            lines.append(f"Figure of the rates: {self.figure}.")
        return "\n".join([*lines, f"Everything is in {self.output_dir}."])


def splits_record(config: TrainingConfig, study: Study) -> dict[str, Any]:
    """Return which row is in which split, so that a run can be repeated elsewhere, and what was left out."""
    table = study.data.table
    files = table.files()
    return {
        "schema": "hf-metalr-splits/2",
        "seed": config.split_seed,
        "shares": {"validation": config.validation_size, "test": config.test_size},
        **study.data.account(study.splits).to_dict(),
        "splits": {
            name: [
                {"row": table.origins[row][1]}
                | ({"from": table.origins[row][0]} if table.origins[row][0] else {})
                | ({"file": files[row]} if files[row] else {})
                for row in rows
            ]
            for name, rows in study.splits.items()
        },
    }


def keep_splits(folder: Path, record: dict[str, Any], resume: bool) -> None:
    """Write the record, or, where a run goes on, make sure that it is still the same.

    Raises:
        InputError: the splits differ from those that the run began with.
    """
    path = folder / SPLITS_NAME
    if resume and path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        if before.get("splits") != record["splits"]:
            raise InputError(
                "resume",
                f"needs the splits that the run in '{folder}' began with, but {SPLITS_NAME} differs: the data or the "
                "options of the splits have changed, and test images could have been trained on. Give the same data "
                "and ",
                Parameter("split_seed"),
                ", or start anew in another ",
                Parameter("output_dir"),
                ".",
            )
        return
    path.write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
