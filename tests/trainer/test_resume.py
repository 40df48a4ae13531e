"""A resumed run equals the straight run, bit for bit."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from hf_metalr.engine.history import HISTORY_NAME
from hf_metalr.trainer.checkpoint import PREVIOUS_PARAMETERS_NAME, STATE_NAME
from tests.trainer.tiny import Images, Texts, assert_equal_weights, make_bert, make_convnext, make_trainer, make_vit

ESTIMATORS = ["lookahead", "next_batch"]
SAVING = {
    "save_strategy": "steps",
    "save_steps": 5,
    "max_steps": 9,
    "lr_update": "log_adam",
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


def saved(tmp_path: Path, **settings: Any) -> Path:
    make_trainer(tmp_path, **(SAVING | {"max_steps": 5} | settings)).train()
    return tmp_path / "checkpoint-5"


def resume(checkpoint: Path, tmp_path: Path, **settings: Any) -> None:
    make_trainer(tmp_path / "again", **(SAVING | settings)).train(resume_from_checkpoint=str(checkpoint))


def test_a_checkpoint_without_rates_is_refused(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path, meta_estimator="off")
    with pytest.raises(ValueError, match="was written without learned rates"):
        resume(checkpoint, tmp_path)


def test_a_checkpoint_with_rates_is_refused_without(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    with pytest.raises(ValueError, match=r"was written with learned rates.*meta_estimator='off'"):
        resume(checkpoint, tmp_path, meta_estimator="off")


def test_a_checkpoint_of_another_estimator_or_grouping_is_refused(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    with pytest.raises(ValueError, match="estimator='lookahead'"):
        resume(checkpoint, tmp_path, meta_estimator="next_batch")
    with pytest.raises(ValueError, match="layer_groups"):
        resume(checkpoint, tmp_path, layer_groups="tensor")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "is not valid JSON"),
        (lambda text: text.replace('"step": 5', '"step": "5"'), "step"),
        (lambda text: text.replace('"step": 5', '"step": -5'), "step"),
        (lambda text: json.dumps({k: v for k, v in json.loads(text).items() if k != "rule"}), "rule"),
        (lambda text: json.dumps(json.loads(text) | {"rule": {"head": [0.1, -1.0, 3]}}), "rule"),
        (lambda text: json.dumps(json.loads(text) | {"rule": {"../head": [0.1, 1.0, 3]}}), "rule"),
        (lambda text: json.dumps(json.loads(text) | {"rule": {"head": [0.1, 1.0]}}), "rule"),
        (lambda text: json.dumps([1, 2]), "JSON object"),
        (lambda text: text.replace('"skipped": 0', '"skipped": NaN'), "skipped"),
    ],
)
def test_a_damaged_state_file_is_one_clear_error(tmp_path: Path, damage, message: str) -> None:
    checkpoint = saved(tmp_path)
    file = checkpoint / STATE_NAME
    before = file.read_text()
    file.write_text(damage(before))
    assert file.read_text() != before
    with pytest.raises(ValueError, match=message) as caught:
        resume(checkpoint, tmp_path)
    assert STATE_NAME in str(caught.value)


def test_damaged_displacements_are_one_clear_error(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path, meta_estimator="next_batch")
    file = checkpoint / PREVIOUS_PARAMETERS_NAME
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=PREVIOUS_PARAMETERS_NAME):
        resume(checkpoint, tmp_path, meta_estimator="next_batch")
    file.unlink()
    with pytest.raises(ValueError, match=PREVIOUS_PARAMETERS_NAME):
        resume(checkpoint, tmp_path, meta_estimator="next_batch")


def test_rates_out_of_bounds_in_a_checkpoint_are_refused(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    state = torch.load(checkpoint / "optimizer.pt", weights_only=True)
    for group in state["param_groups"]:
        group["initial_lr"] = 5.0
    torch.save(state, checkpoint / "optimizer.pt")
    with pytest.raises(ValueError, match="lies outside"):
        resume(checkpoint, tmp_path)


def test_swapped_layer_groups_in_a_checkpoint_are_refused(tmp_path: Path) -> None:
    # catches: the rate of one layer silently given to another
    checkpoint = saved(tmp_path)
    state = torch.load(checkpoint / "optimizer.pt", weights_only=True)
    first, last = state["param_groups"][0], state["param_groups"][-1]
    first["layer_group"], last["layer_group"] = last["layer_group"], first["layer_group"]
    torch.save(state, checkpoint / "optimizer.pt")
    with pytest.raises(ValueError, match="its parameters belong to"):
        resume(checkpoint, tmp_path)


def test_a_scheduler_with_other_rates_is_refused(tmp_path: Path) -> None:
    # catches: training at rates that no log shows
    checkpoint = saved(tmp_path)
    state = torch.load(checkpoint / "scheduler.pt", weights_only=True)
    state["base_lrs"][0] *= 1.5
    torch.save(state, checkpoint / "scheduler.pt")
    with pytest.raises(ValueError, match="another base rate for layer group 'embeddings'"):
        resume(checkpoint, tmp_path)


@pytest.mark.parametrize("lr", [1.0, -1.0, float("nan")])
def test_an_effective_rate_that_the_scheduler_did_not_give_is_refused(tmp_path: Path, lr: float) -> None:
    # catches: one step at any rate whatever
    checkpoint = saved(tmp_path)
    state = torch.load(checkpoint / "optimizer.pt", weights_only=True)
    state["param_groups"][0]["lr"] = lr
    torch.save(state, checkpoint / "optimizer.pt")
    with pytest.raises(ValueError, match="another effective rate for layer group 'embeddings'"):
        resume(checkpoint, tmp_path)
