"""The trust region in a trainer: where rates start and stay, what the user is told, and how a run goes on."""

import json
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import pytest

from hf_metalr.engine.history import HISTORY_NAME, read_history
from hf_metalr.equations import Bounds
from hf_metalr.trainer import console
from hf_metalr.trainer.checkpoint import STATE_NAME
from tests.trainer.test_resume import SAVING
from tests.trainer.test_warm_start import profile_of
from tests.trainer.tiny import ESTIMATORS, Texts, make_bert, make_convnext, make_trainer, make_vit

DEFAULT = {"meta_estimator": "next_batch", "lr_update": "log_adam", "trust_region": True}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the trainer warns of."""
    warnings: list[str] = []
    monkeypatch.setattr(console.logger, "warning", warnings.append)
    return warnings


def started(tmp_path: Path, **settings: Any) -> tuple[dict[str, float], dict[str, Bounds]]:
    """Initial rates and bounds."""
    trainer = make_trainer(tmp_path, **(DEFAULT | settings))
    trainer.create_optimizer_and_scheduler(4)
    assert trainer.metalr is not None
    return trainer.learning_rates, trainer.metalr.lr_bounds


@pytest.mark.parametrize("make_model", [make_vit, make_convnext, make_bert])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_rates_start_and_stay_in_the_region_under_a_schedule(tmp_path: Path, make_model, estimator: str) -> None:
    # catches: a scheduler that is made from the rates as they were before
    data = Texts(48) if make_model is make_bert else None
    settings = DEFAULT | {"meta_estimator": estimator, "learning_rate": 1e-2, "lr_scheduler_type": "cosine"}
    trainer = make_trainer(tmp_path, make_model(), data, **settings)
    trainer.train()
    rows = read_history(tmp_path / HISTORY_NAME)
    assert len(rows) == 6 - (estimator == "next_batch")
    assert trainer.metalr is not None
    for row in rows:
        for name, lr in row["base_lr"].items():
            low, high = trainer.metalr.lr_bounds[name]
            assert low * (1 - 1e-9) <= lr <= high * (1 + 1e-9)
            assert row["effective_lr"][name] <= lr
    layers = [name for name in rows[0]["base_lr"] if name.startswith(("layer", "stage"))]
    assert layers
    assert all(trainer.metalr.lr_bounds[name].high < 1e-2 for name in layers)


def test_one_line_tells_which_rates_were_moved(tmp_path: Path, told: list[str]) -> None:
    trainer = make_trainer(tmp_path, **(DEFAULT | {"learning_rate": 1e-2, "max_steps": 1}))
    trainer.train()
    assert trainer.metalr is not None
    bounds, moved = trainer.metalr.lr_bounds, trainer.metalr.moved_at_start
    (high,) = {bounds[name].high for name in moved}  # one region for all but the head
    assert len(moved) > 0
    (line,) = told
    assert f"learning rate 1.0e-02: {len(moved)} of 5 layer groups start lower" in line
    assert f"at {high:.1e} (trust_region)" in line
    trainer.train()
    assert told == [line]  # rates of a second run are learned ones


def test_nothing_is_told_where_nothing_was_moved(tmp_path: Path, told: list[str]) -> None:
    make_trainer(tmp_path / "off", **(DEFAULT | {"trust_region": False, "max_steps": 1})).train()
    make_trainer(tmp_path / "sgd", **(DEFAULT | {"optim": "sgd", "max_steps": 1})).train()
    assert told == []


def test_the_backbone_scale_and_warm_start_act_before_the_region(tmp_path: Path) -> None:
    # catches: a scale on top of the region, which would lead out of it
    _, bounds = started(tmp_path)
    inside = geometric_mean(bounds["layer.0"])
    rates, _ = started(tmp_path, learning_rate=2 * inside, backbone_lr_scale=0.5)
    assert rates["layer.0"] == pytest.approx(inside)
    rates, _ = started(tmp_path, learning_rate=1e-2, backbone_lr_scale=2e-4)
    assert rates["layer.0"] == bounds["layer.0"].low

    path = tmp_path / "profile.json"
    profile_of(embeddings=40.0, layer_0=1.0, layer_1=40.0).save(path)  # layer.0 is to start at three times the rate
    almost = bounds["layer.0"].high / 2
    assert started(tmp_path, learning_rate=almost)[0]["layer.0"] == almost
    assert started(tmp_path, learning_rate=almost, init_lrs=str(path))[0]["layer.0"] == bounds["layer.0"].high


def test_a_resumed_run_takes_its_region_from_the_checkpoint(tmp_path: Path, told: list[str]) -> None:
    # catches: bounds of the weights at the checkpoint; here the region decides, since all rates start above it
    settings = SAVING | DEFAULT | {"learning_rate": 1e-2, "min_lr": 1e-5}
    straight = make_trainer(tmp_path, **settings)
    straight.train()
    assert straight.metalr is not None
    saved = json.loads((tmp_path / "checkpoint-5" / STATE_NAME).read_text())["lr_bounds"]
    assert saved == {name: list(bounds) for name, bounds in straight.metalr.lr_bounds.items()}
    assert len(told) == 1

    resumed = make_trainer(tmp_path / "again", make_vit(), **settings)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-5"))
    assert resumed.metalr is not None
    assert resumed.metalr.lr_bounds == straight.metalr.lr_bounds
    assert resumed.learning_rates == straight.learning_rates
    assert len(told) == 1  # a resumed run starts from no initial rate


def test_a_checkpoint_with_the_region_is_refused_without_it(tmp_path: Path) -> None:
    make_trainer(tmp_path, **(SAVING | DEFAULT | {"max_steps": 5})).train()
    without = make_trainer(tmp_path / "again", **(SAVING | DEFAULT | {"trust_region": False}))
    with pytest.raises(ValueError, match="made with trust_region=True; this run has False"):
        without.train(resume_from_checkpoint=str(tmp_path / "checkpoint-5"))
