"""The best model of a parallel run with batch norms gives back the metric that was recorded for it."""

import json

import pytest
import torch
from transformers import AutoModelForImageClassification

from tests.parallel.batch_norm_worker import EVALUATION
from tests.parallel.launch import start
from tests.trainer.tiny import Images


def test_the_best_models_metric_is_that_of_the_saved_model(tmp_path) -> None:
    # catches: each process evaluates with the statistics of its own last batch, and none of them is saved
    start(2, "tests.parallel.batch_norm_worker", str(tmp_path))
    first, second = (json.loads((tmp_path / f"rank-{rank}.json").read_text()) for rank in (0, 1))
    assert first["world_size"] == first["backend_world_size"] == 2
    assert first == second
    assert first["again"] == pytest.approx(first["recorded"], rel=1e-6)
    model = AutoModelForImageClassification.from_pretrained(tmp_path).eval()
    data = Images(EVALUATION, seed=5)
    with torch.no_grad():
        outputs = model(data.pixels, labels=data.labels)
    assert first["recorded"] == pytest.approx(float(outputs.loss), rel=1e-4)
    torch.testing.assert_close(torch.tensor(first["predicted"]), outputs.logits, rtol=1e-4, atol=1e-5)
