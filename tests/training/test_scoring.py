"""The metrics that a Trainer is given are those that a task names, whatever form the model's answers have."""

import numpy as np
import pytest
import torch
from transformers import EvalPrediction

from hf_metalr.data.labels.tasks import TASKS, Task
from hf_metalr.metrics.segmentation import confusion_matrix, overlap_scores
from hf_metalr.training.scoring import make_scoring

LABELS = {
    "classification": np.array([0, 1, 0]),
    "multi-label": np.array([[0, 1], [1, 0], [1, 1]]),
    "segmentation": np.array([[[0, 1]], [[1, 1]], [[0, 0]]]),
    "regression": np.array([0.5, 1.0, 2.0]),
}


def answers_of(task):
    if task == "segmentation":
        return np.array([[[1, 1]], [[1, 0]], [[0, 0]]])
    return np.random.default_rng(0).normal(size=(3, 1 if task == "regression" else 2))


@pytest.mark.parametrize("name", TASKS)
def test_a_task_measures_what_it_names_also_where_the_model_returns_more_than_logits(name):
    task = Task(name, "image")
    compute = make_scoring(task, 2)["compute_metrics"]
    measured = compute(EvalPrediction(answers_of(name), LABELS[name]))
    assert tuple(measured) == task.metrics
    assert task.best_metric in measured
    if name != "segmentation":
        assert compute(EvalPrediction((answers_of(name), np.zeros(3)), LABELS[name])) == measured


def test_a_segmentation_measured_by_batches_is_that_of_the_whole_and_starts_anew():
    answers, labels = answers_of("segmentation"), LABELS["segmentation"]
    compute = make_scoring(Task("segmentation", "image"), 2)["compute_metrics"]
    expected = overlap_scores(confusion_matrix(answers, labels, 2))
    for _ in range(2):
        assert compute(EvalPrediction(torch.tensor(answers[:2]), torch.tensor(labels[:2])), compute_result=False) == {}
        last = EvalPrediction(torch.tensor(answers[2:]), torch.tensor(labels[2:]))
        assert compute(last, compute_result=True) == expected


def test_the_number_of_one_column_is_not_compared_with_every_other_row():
    compute = make_scoring(Task("regression", "text"), 1)["compute_metrics"]
    assert compute(EvalPrediction(np.array([[0.5], [1.0], [2.0]]), LABELS["regression"]))["mae"] == 0.0
