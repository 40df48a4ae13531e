"""A resumed run equals the straight run, bit for bit."""

from pathlib import Path
from typing import Any

import pytest
import torch

from hf_metalr.engine.history import HISTORY_NAME
from tests.trainer.tiny import Images, Texts, assert_equal_weights, make_bert, make_convnext, make_trainer, make_vit

ESTIMATORS = ["lookahead", "next_batch"]
SAVING = {
    "save_strategy": "steps",
    "save_steps": 5,
    "max_steps": 9,
    "lr_update": "log_adam",
    "trust_region": True,
    "learning_rate": 2e-5,  # inside the region, and not soon at its end
    "hyper_lr": 0.05,
    "lr_scheduler_type": "cosine",
}
MOMENTUM = {"optimizer_cls_and_kwargs": (torch.optim.SGD, {"lr": 1e-3, "momentum": 0.9})}


def assert_same(left: Any, right: Any) -> None:
    """Nested states are equal, tensors bit for bit."""
    if isinstance(left, torch.Tensor):
        assert torch.equal(left, right)
    elif isinstance(left, dict):
        assert left.keys() == right.keys()
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    else:
        assert left == right


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("optimizer", [{}, MOMENTUM], ids=["adamw", "momentum"])
@pytest.mark.parametrize("make_model", [make_vit, make_convnext, make_bert])
def test_a_resumed_run_is_the_straight_run(tmp_path: Path, make_model, optimizer: dict, estimator: str) -> None:
    # catches: rates or moments that start again, a meta loader that starts again, a lost pending displacement, a
    # history with doubled or missing rows, weights lost in reloading
    data = Texts(48) if make_model is make_bert else Images(48)  # 12 steps an epoch: step 5 is in its middle
    settings = SAVING | optimizer | {"meta_estimator": estimator}
    straight = make_trainer(tmp_path / "straight", make_model(), data, **settings)
    straight.train()
    interrupted = make_trainer(tmp_path / "resumed", make_model(), data, **settings)
    interrupted.train()  # its rows after step 5 have to go
    resumed = make_trainer(tmp_path / "resumed", make_model(), data, **settings)
    resumed.train(resume_from_checkpoint=str(tmp_path / "resumed" / "checkpoint-5"))

    assert_equal_weights(straight.model, resumed.model)
    assert_same(straight.optimizer.state_dict(), resumed.optimizer.state_dict())
    assert_same(straight.lr_scheduler.state_dict(), resumed.lr_scheduler.state_dict())
    assert straight.learning_rates == resumed.learning_rates
    assert len(set(straight.learning_rates.values())) > 2
    histories = [(tmp_path / run / HISTORY_NAME).read_text() for run in ("straight", "resumed")]
    assert histories[0] == histories[1]


def test_a_checkpoint_with_accumulation_and_thinned_meta_steps_resumes(tmp_path: Path) -> None:
    settings = SAVING | {"gradient_accumulation_steps": 2, "meta_every": 3, "meta_estimator": "next_batch"}
    straight = make_trainer(tmp_path / "straight", **settings)
    straight.train()
    resumed = make_trainer(tmp_path / "resumed", **settings)
    resumed.train(resume_from_checkpoint=str(tmp_path / "straight" / "checkpoint-5"))
    assert_equal_weights(straight.model, resumed.model)
    assert straight.learning_rates == resumed.learning_rates
