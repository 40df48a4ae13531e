"""Scores at the end of every epoch."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import EvalPrediction, TrainerCallback

from benchmarks.accuracy.run_cell import METRICS, rounded
from benchmarks.accuracy.samples import Samples
from hf_metalr.engine.no_trace import evaluation_mode

EVALUATION_BATCH = 64


class EpochScores(TrainerCallback):
    """Evaluates some splits at the end of every epoch; ``rows`` has what it found, first epoch first.

    Args:
        network: in training.
        splits: name → samples, without augmentation.
        compute_metrics: of logits and labels.
    """

    def __init__(
        self,
        network: nn.Module,
        splits: Mapping[str, Samples],
        compute_metrics: Callable[[EvalPrediction], Mapping[str, float]],
    ) -> None:
        self._network, self._compute_metrics = network, compute_metrics
        self._tensors = {name: _stacked(samples) for name, samples in splits.items()}
        self.rows: list[dict[str, dict[str, float | None]]] = []

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        with evaluation_mode(self._network), torch.no_grad():
            self.rows.append({name: self._evaluate(*tensors) for name, tensors in self._tensors.items()})

    def _evaluate(self, pixels: Tensor, labels: Tensor) -> dict[str, float | None]:
        logits = torch.cat([self._network(pixel_values=part)["logits"] for part in pixels.split(EVALUATION_BATCH)])
        prediction = EvalPrediction(predictions=logits.numpy(), label_ids=labels.numpy().astype(np.int64))
        found = {"loss": nn.functional.cross_entropy(logits, labels).item(), **self._compute_metrics(prediction)}
        return {name: rounded(found[name]) for name in METRICS}


def _stacked(samples: Samples) -> tuple[Tensor, Tensor]:
    rows = [samples[index] for index in range(len(samples))]
    return torch.stack([row["pixel_values"] for row in rows]), torch.tensor([row["labels"] for row in rows])
