"""Any score of `hf_metalr.scores` as an `evaluate` metric; `evaluate.load` takes this very file.

`evaluate.load` copies the file and imports the copy, so it imports the package by its full name.
"""

import inspect
from typing import Any

import datasets
import evaluate
import numpy as np
import torch
from torch import Tensor

from hf_metalr import scores
from hf_metalr.errors import InputError

SCORES = tuple(name for name in scores.__all__ if not name.endswith("_hits"))
"""The names that can be loaded: every score that is one number."""

_NUMBER, _ROW = datasets.Value("float64"), datasets.List(datasets.Value("float64"))
# What each parameter of a score holds per sample. Class labels travel as floats as well, because `evaluate` cuts a
# float that it has to store as an integer, and 0.7 would silently become class 0.
_PER_SAMPLE = {
    "features": (_ROW,),
    "probabilities": (_ROW,),
    "labels": (_NUMBER,),
    "source_labels": (_NUMBER,),
    "targets": (_NUMBER, _ROW),
}


class FeatureScore(evaluate.Metric):
    """One score of `hf_metalr.scores`; the configuration name says which, as `evaluate.load`'s second argument.

    The inputs of `add`, `add_batch` and `compute` are the parameters of the score (`features`, `labels`, …), its
    options are further arguments of `compute`. For `log_maximum_evidence` give one class label per sample as
    `targets`, or one list of numbers per sample for regression and multi-label tasks. The result is a dictionary with
    one Python float under the name of the score.

    Raises:
        InputError: a configuration name that is no score, class labels that are not whole numbers, or what the score
            itself refuses.

    Example:
        >>> metric = FeatureScore("nearest_neighbor_accuracy", keep_in_memory=True)
        >>> features = [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]]
        >>> metric.compute(features=features, labels=[0, 0, 1, 1], k=1)
        {'nearest_neighbor_accuracy': 1.0}
    """

    def _info(self) -> evaluate.MetricInfo:
        if self.config_name not in SCORES:
            raise InputError(
                None, f"The configuration name must be one of {', '.join(SCORES)}; found {self.config_name!r}."
            )
        score = getattr(scores, self.config_name)
        inputs = [name for name in inspect.signature(score).parameters if name in _PER_SAMPLE]
        choices: list[dict[str, Any]] = [{}]
        for name in inputs:
            choices = [{**choice, name: kind} for choice in choices for kind in _PER_SAMPLE[name]]
        return evaluate.MetricInfo(
            description=inspect.getdoc(score),
            citation="",
            inputs_description=f"\n{inspect.getdoc(score)}",
            features=[datasets.Features(choice) for choice in choices],
        )

    def _compute(self, **inputs: Any) -> dict[str, float]:
        tensors = {name: _tensor(name, inputs.pop(name)) for name in _PER_SAMPLE if name in inputs}
        return {self.config_name: getattr(scores, self.config_name)(**tensors, **inputs)}


def _tensor(name: str, values: Any) -> Tensor:
    """Return rows as they are and single numbers, which are class labels, as integers."""
    numbers = torch.from_numpy(np.array(values, dtype=np.float64))
    if numbers.ndim != 1 or _NUMBER not in _PER_SAMPLE[name]:
        return numbers
    if not torch.equal(numbers, numbers.round()):
        raise InputError(
            name,
            f"must be whole numbers where each sample has a single one, a class label; found "
            f"{float(numbers[numbers != numbers.round()][0]):g}. Give regression targets as one list per sample.",
        )
    return numbers.long()
