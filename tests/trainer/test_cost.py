"""What MetaLR's own work costs: timed around the engine's hooks alone, kept by checkpoints, told by record and card."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard

from hf_metalr.hub import LEARNED_RATES_NAME, LearnedRates
from hf_metalr.hub.card import duration
from hf_metalr.trainer.checkpoint import STATE_NAME
from hf_metalr.trainer.cost import Cost
from tests.trainer.tiny import ESTIMATORS, make_trainer

SLEEP = 0.03


def record(folder: Path) -> LearnedRates:
    return LearnedRates.load(folder / LEARNED_RATES_NAME)


def slowed(trainer: Any, method: str) -> Any:
    work = getattr(trainer, method)

    def slow(*args: Any, **kwargs: Any) -> Any:
        time.sleep(SLEEP)
        return work(*args, **kwargs)

    setattr(trainer, method, slow)
    return trainer


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_own_work_counts_and_training_does_not(tmp_path: Path, estimator: str) -> None:
    settings = {"lr_update": "log_adam", "meta_estimator": estimator, "max_steps": 8}
    slow_meta = make_trainer(tmp_path / "meta", **settings)
    slow_meta.create_optimizer()
    slow_meta.metalr.on_meta_step = lambda _: time.sleep(SLEEP)
    slow_meta.train()
    slowed(make_trainer(tmp_path / "training", **settings), "training_step").train()
    meta, training = record(tmp_path / "meta"), record(tmp_path / "training")
    steps = 8 if estimator == "lookahead" else 7  # the last step is not measured
    assert steps * SLEEP <= meta.metalr_seconds < meta.train_seconds
    assert 0 < training.metalr_seconds < training.train_seconds - 8 * SLEEP
    card = _card(slow_meta)
    cost = card.split("## Cost")[1]
    assert f"learning the rates took {duration(meta.metalr_seconds)} (" in cost
    assert ("two more copies" if estimator == "lookahead" else "one more copy") in cost


def _card(trainer: Any) -> str:
    trainer.create_model_card()
    return ModelCard.load(Path(trainer.args.output_dir) / "README.md").text


def test_the_cost_of_before_a_resume_is_added(tmp_path: Path) -> None:
    saving = {"lr_update": "log_adam", "save_strategy": "steps", "save_steps": 4, "max_steps": 8}
    make_trainer(tmp_path, **saving).train()
    file = tmp_path / "checkpoint-4" / STATE_NAME
    state = json.loads(file.read_text(encoding="utf-8"))
    assert 0 < state["cost"]["metalr_seconds"] < state["cost"]["train_seconds"]
    assert state["cost"]["metalr_seconds"] < record(tmp_path).metalr_seconds
    for cost, earlier in (({"train_seconds": 1000.0, "metalr_seconds": 100.0}, (1000, 100)), (None, (0, 0))):
        file.write_text(json.dumps(state | {"cost": cost}), encoding="utf-8")
        resumed = make_trainer(tmp_path, **saving)
        resumed.train(resume_from_checkpoint=str(file.parent))
        found = record(tmp_path)
        assert earlier[0] < found.train_seconds < earlier[0] + 60
        assert earlier[1] < found.metalr_seconds < earlier[1] + 30
    resumed.train()  # anew
    assert record(tmp_path).train_seconds < 60
    for cost in ({"train_seconds": -1, "metalr_seconds": 0}, {"train_seconds": 1}, [1]):
        file.write_text(json.dumps(state | {"cost": cost}), encoding="utf-8")
        with pytest.raises(ValueError, match=r"'cost' must hold seconds of at least 0"):
            make_trainer(tmp_path, **saving).train(resume_from_checkpoint=str(file.parent))


class Event:
    """A CUDA event as this machine has none: passed once the device has come to it."""

    device_time = 0.0  # ms
    passed = False

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing

    def record(self) -> None:
        self.time = Event.device_time

    def query(self) -> bool:
        return Event.passed

    def synchronize(self) -> None:
        Event.passed = True

    def elapsed_time(self, other: "Event") -> float:
        return other.time - self.time


def test_on_cuda_events_are_read_late_and_elsewhere_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    # Stands in for a device; what real events say was not tested here.
    monkeypatch.setattr(torch.cuda, "Event", Event)
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    cost, none = Cost(torch.device("cuda")), Cost(torch.device("mps"))

    def work(*_: Any) -> None:
        Event.device_time += 20

    for one in (cost, none):
        with one.of_hooks_on(optimizer):
            optimizer.register_step_pre_hook(work)
    for _ in range(3):
        Event.device_time += 500  # training
        optimizer.step()
    assert len(cost._passing) == 6  # nothing was waited for
    assert cost.metalr_seconds == pytest.approx(0.06)
    assert not cost._passing
    assert none.metalr_seconds is None
    assert none.state_dict()["metalr_seconds"] is None
