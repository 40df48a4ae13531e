"""One cell, trained and evaluated: a pure function of the cell, the code and the machine's arithmetic."""

import math
import tempfile
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
import transformers
from transformers import EvalPrediction, Trainer, set_seed

from benchmarks.accuracy.assets import Assets
from benchmarks.accuracy.backbones import load_splits, make_samples
from benchmarks.accuracy.cell import Cell
from benchmarks.accuracy.methods import METHODS
from benchmarks.accuracy.passes import counted_passes
from benchmarks.accuracy.samples import Samples
from benchmarks.accuracy.sources import start_network
from benchmarks.accuracy.splits import Split
from benchmarks.accuracy.subsets import stratified_subset
from benchmarks.accuracy.task import Task
from hf_metalr.engine.history import HISTORY_NAME, read_history
from hf_metalr.metrics import make_compute_metrics

METRICS = ("loss", "accuracy", "balanced_accuracy", "macro_f1", "auroc")
RATE_ROWS = 5  # of the rates' history, about so many moments are kept


def run_cell(cell: Cell, assets: Assets) -> dict[str, Any]:
    """Train a cell and return its result.

    Returns:
        ``key``, ``cell``, ``validation`` (loss, accuracy, balanced_accuracy, macro_f1, auroc; null where not finite),
        ``test`` (likewise, or None), ``seconds`` of training, ``forwards`` and ``backwards``: passes of the network in
        that time, ``diverged``: whether a logit was not finite, and with learned rates ``rates``: step → base rate of
        every layer group.
    """
    splits = _splits(cell.backbone, cell.dataset, assets)
    train = stratified_subset(splits["train"], cell.size, cell.seed)
    classes = int(splits["train"].labels.max()) + 1
    network = start_network(cell.backbone, classes, cell.pretrained, cell.seed, assets)
    metrics = Metrics()
    with tempfile.TemporaryDirectory() as folder:
        task = Task(cell, network, make_samples(cell.backbone, train, augment=True), metrics, folder)
        set_seed(cell.seed)
        start = time.perf_counter()
        with counted_passes(network) as passes:
            trainer = METHODS[cell.method](task)
        seconds = time.perf_counter() - start
        rates = _kept_rates(Path(folder) / HISTORY_NAME)
    result: dict[str, Any] = {"key": cell.key, "cell": cell.to_dict()}
    for split, wanted in (("validation", True), ("test", cell.test)):
        result[split] = (
            _evaluate(trainer, make_samples(cell.backbone, splits[split], augment=False)) if wanted else None
        )
    result |= {"seconds": round(seconds, 2), "forwards": passes.forwards, "backwards": passes.backwards}
    result |= {"diverged": metrics.diverged}
    return result | ({"rates": rates} if rates else {})


@lru_cache(maxsize=8)
def _splits(backbone: str, dataset: str, assets: Assets) -> dict[str, Split]:
    return load_splits(backbone, dataset, assets)


class Metrics:
    """The package's metrics; a network that has diverged answers class 0 instead of ending the grid."""

    def __init__(self) -> None:
        self.diverged = False
        self._compute = make_compute_metrics()

    def __call__(self, prediction: EvalPrediction) -> dict[str, float]:
        outputs = prediction.predictions
        logits = np.asarray(outputs[0] if isinstance(outputs, tuple) else outputs)
        lost = ~np.isfinite(logits).all(axis=1)
        self.diverged = self.diverged or bool(lost.any())
        logits = np.where(lost[:, None], 0.0, logits)
        return self._compute(EvalPrediction(predictions=logits, label_ids=prediction.label_ids))


def _evaluate(trainer: Trainer, samples: Samples) -> dict[str, float | None]:
    found = trainer.evaluate(samples)
    return {name: rounded(found[f"eval_{name}"]) for name in METRICS}


def rounded(value: float) -> float | None:
    """Return a figure as the store takes it: six digits, None where it is not finite."""
    return round(value, 6) if math.isfinite(value) else None


def _kept_rates(path: Path) -> dict[str, Mapping[str, float]]:
    if not path.exists():
        return {}
    rows = read_history(path)
    stride = max(len(rows) // RATE_ROWS, 1)
    kept = [*rows[::stride], rows[-1]]
    return {str(row["step"]): {name: float(f"{lr:.3g}") for name, lr in row["base_lr"].items()} for row in kept}


def set_up_worker() -> None:
    """Keep to one core, so that runs side by side do not disturb one another, and keep quiet."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # a run that diverges would crawl
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
