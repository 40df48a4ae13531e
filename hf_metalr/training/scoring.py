"""What a Trainer measures on validation and test: the metrics of the task, from what the model returns."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from hf_metalr.data.images.masks import IGNORED
from hf_metalr.data.labels.tasks import Task
from hf_metalr.metrics import MultiLabelMetrics, RegressionMetrics, make_compute_metrics
from hf_metalr.metrics.segmentation import confusion_matrix, overlap_scores
from hf_metalr.training.units import UNCHANGED, Units


def make_scoring(task: Task, num_labels: int, units: Units = UNCHANGED) -> dict[str, Callable[..., Any]]:
    """Return the arguments of a Trainer that make it measure a task: `compute_metrics` and the like.

    A regression that is learned in other units is measured in the numbers' own; its loss is not.
    A segmentation counts batch by batch, so that no class map is kept: its Trainer needs `batch_eval_metrics=True`.
    """
    if task.name == "classification":
        return {"compute_metrics": make_compute_metrics()}
    if task.name == "segmentation":
        return {
            "compute_metrics": _OverlapCounter(num_labels),
            "preprocess_logits_for_metrics": class_maps,
        }
    metric = MultiLabelMetrics() if task.name == "multi-label" else RegressionMetrics()

    def compute_metrics(prediction: Any) -> dict[str, float]:
        outputs, truth = _first(prediction.predictions), prediction.label_ids
        if task.name == "regression":
            outputs, truth = (units.enter(np.asarray(values, np.float64).reshape(-1)) for values in (outputs, truth))
        return metric.compute(predictions=outputs, references=truth)

    return {"compute_metrics": compute_metrics}


def class_maps(logits: Any, labels: Tensor) -> Tensor:
    """Return the class of every pixel of the masks, from logits (batch, classes, height, width) on a coarser grid.

    >>> import torch
    >>> logits = torch.tensor([[[[1.0]], [[2.0]]]])
    >>> class_maps(logits, torch.zeros(1, 2, 2)).tolist()
    [[[1, 1], [1, 1]]]
    """
    full = F.interpolate(_first(logits).float(), size=labels.shape[-2:], mode="bilinear", align_corners=False)
    return full.argmax(dim=1)


class _OverlapCounter:
    """Adds up the confusion matrix over batches, and gives the scores at the last one."""

    def __init__(self, num_labels: int) -> None:
        self._num_labels = num_labels
        self._matrix = np.zeros((num_labels, num_labels), dtype=np.int64)

    def __call__(self, prediction: Any, compute_result: bool = True) -> dict[str, float]:
        answers, truth = (_on_cpu(values) for values in (prediction.predictions, prediction.label_ids))
        self._matrix += confusion_matrix(answers, truth, self._num_labels, IGNORED)
        if not compute_result:
            return {}
        scores = overlap_scores(self._matrix)
        self._matrix = np.zeros_like(self._matrix)
        return scores


def _on_cpu(values: Any) -> np.ndarray:
    return values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def _first(outputs: Any) -> Any:
    """A model that returns more than its logits hands over a tuple."""
    return outputs[0] if isinstance(outputs, tuple) else outputs
