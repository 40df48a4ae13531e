"""Subclasses that make optimizer or scheduler themselves, and callbacks that write rates or thaw layers."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from transformers import TrainerCallback

from hf_metalr import MetaLRTrainer
from hf_metalr.hub import LearnedRates
from tests.trainer.tiny import Images, arguments, assert_equal_weights, assert_learned, make_trainer, make_vit

FREE: dict[str, Any] = {"lr_update": "log_adam", "trust_region": False}
ESTIMATORS = ["next_batch", "lookahead"]
GROUPS = ["embeddings", "layer.0", "layer.1", "norm", "head"]


def layer_decay(model: nn.Module, head: float = 1e-3, body: float = 1e-4) -> torch.optim.AdamW:
    heads = list(model.classifier.parameters())
    return torch.optim.AdamW([{"params": model.vit.parameters(), "lr": body}, {"params": heads, "lr": head}])


class OwnOptimizer(MetaLRTrainer):
    """As in public answers: neither calls the parent's method nor looks at the arguments."""

    def create_optimizer(self, *args: Any) -> torch.optim.Optimizer:
        if self.optimizer is None:
            self.optimizer = layer_decay(self.model)
        return self.optimizer


class OwnBoth(OwnOptimizer):
    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        if self.lr_scheduler is None:
            self.lr_scheduler = LambdaLR(self.optimizer, lambda step: 0.9**step)
        return self.lr_scheduler


class ReplacedOptimizer(MetaLRTrainer):
    def create_optimizer(self, *args: Any) -> torch.optim.Optimizer:
        super().create_optimizer(*args)
        self.optimizer = layer_decay(self.model)
        return self.optimizer


def make(kind: type, folder: Path, **settings: Any) -> MetaLRTrainer:
    data = {"train_dataset": Images(48)} | {key: settings.pop(key) for key in ("callbacks",) if key in settings}
    return kind(model=make_vit(), args=arguments(folder, **(FREE | settings)), **data)


@pytest.mark.parametrize("kind", [OwnOptimizer, OwnBoth, ReplacedOptimizer])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_own_create_optimizer_learns_from_its_own_rates(tmp_path: Path, kind: type, estimator: str) -> None:
    # catches: training to the end without an engine, with settings of learned rates in the arguments
    trainer = make(kind, tmp_path, meta_estimator=estimator)
    trainer.train()
    assert list(trainer.learning_rates) == GROUPS
    assert trainer.metalr.first_lrs == {name: 1e-3 if name == "head" else 1e-4 for name in GROUPS}
    assert_learned(trainer)
    record = LearnedRates.load(tmp_path / "metalr.json")
    assert [group.first_lr for group in record.layer_groups] == [1e-4] * 4 + [1e-3]
    for group in trainer.metalr.optimizer.param_groups:
        if kind is OwnBoth:
            assert group["lr"] == pytest.approx(trainer.learning_rates[group["layer_group"]] * 0.9**6)


def test_with_learning_off_an_own_create_optimizer_is_left_alone(tmp_path: Path) -> None:
    trainer = make(OwnOptimizer, tmp_path, meta_estimator="off")
    trainer.train()
    assert trainer.metalr is None
    assert len(trainer.optimizer.param_groups) == 2


@pytest.mark.parametrize("kind", [OwnOptimizer, OwnBoth])
def test_a_resumed_run_with_an_own_optimizer_is_the_straight_one(tmp_path: Path, kind: type) -> None:
    settings = {"save_strategy": "steps", "save_steps": 3}
    straight = make(kind, tmp_path / "straight", **settings)
    straight.train()
    resumed = make(kind, tmp_path / "resumed", **settings)
    resumed.train(resume_from_checkpoint=str(tmp_path / "straight" / "checkpoint-3"))
    assert resumed.learning_rates == straight.learning_rates
    assert_equal_weights(resumed.model, straight.model)


class TwoRatesInABlock(MetaLRTrainer):
    def create_optimizer(self, *args: Any) -> torch.optim.Optimizer:
        parameters = list(self.model.parameters())
        biases = [parameter for parameter in parameters if parameter.ndim == 1]
        others = [parameter for parameter in parameters if parameter.ndim > 1]
        self.optimizer = torch.optim.AdamW([{"params": others, "lr": 1e-3}, {"params": biases, "lr": 2e-3}])
        return self.optimizer


class NoOptimizer(MetaLRTrainer):
    def create_optimizer(self, *args: Any) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.model.parameters())


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (TwoRatesInABlock, "create_optimizer of TwoRatesInABlock .* share one learning rate.*through patterns"),
        (NoOptimizer, "create_optimizer of NoOptimizer .* found NoneType"),
    ],
)
def test_an_own_optimizer_that_cannot_be_learned_from_is_refused_by_its_method(
    tmp_path: Path, kind: type, message: str
) -> None:
    with pytest.raises((ValueError, AttributeError), match=message):
        make(kind, tmp_path).train()


def test_optimizer_and_scheduler_that_are_passed_in_learn(tmp_path: Path) -> None:
    model = make_vit()
    optimizer = layer_decay(model)
    scheduler = LambdaLR(optimizer, lambda step: 0.9**step)
    trainer = make_trainer(tmp_path, model, optimizers=(optimizer, scheduler), **FREE)
    trainer.train()
    assert_learned(trainer)
    assert trainer.metalr.first_lrs["layer.0"] == 1e-4
    for group in optimizer.param_groups:
        assert group["lr"] == pytest.approx(trainer.learning_rates[group["layer_group"]] * 0.9**6)


class Writes(TrainerCallback):
    """Writes rates into the optimizer when a step begins."""

    def __init__(self, write: Any) -> None:
        self.write = write
        self.used: dict[str, float] = {}

    def on_step_begin(self, args: Any, state: Any, control: Any, optimizer: Any = None, **kwargs: Any) -> None:
        for group in optimizer.param_groups:
            group["lr"] = self.write(group, state.global_step)

    def on_optimizer_step(self, args: Any, state: Any, control: Any, optimizer: Any = None, **kwargs: Any) -> None:
        self.used = {group["layer_group"]: group["lr"] for group in optimizer.param_groups}


@pytest.mark.parametrize(
    ("write", "factor"),
    [
        (lambda group, step: 1e-3 * 0.5 ** (step / 2), 0.5**2.5),
        (lambda group, step: group["lr"] * 0.5, 0.5 * (1 - 5 / 6)),
        (lambda group, step: 2e-4, 0.2),
    ],
    ids=["a schedule", "a factor", "one number"],
)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_callback_that_writes_rates_is_composed_with(
    tmp_path: Path, estimator: str, write: Any, factor: float
) -> None:
    # catches: a callback that overwrites every learned rate at every step
    callback = Writes(write)
    trainer = make(MetaLRTrainer, tmp_path, meta_estimator=estimator, callbacks=[callback])
    trainer.train()
    assert_learned(trainer)
    for name, lr in trainer.learning_rates.items():
        assert callback.used[name] == pytest.approx(lr * factor, rel=1e-6)


class Thaws(TrainerCallback):
    def on_step_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, optimizer: Any = None, **_: Any
    ) -> None:
        if state.global_step == 3:
            model.vit.requires_grad_(True)
            optimizer.add_param_group({"params": model.vit.parameters(), "lr": 1e-4})


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_layers_that_a_callback_thaws_are_learned_and_recorded(tmp_path: Path, estimator: str) -> None:
    trainer = make(MetaLRTrainer, tmp_path, meta_estimator=estimator, max_steps=10, callbacks=[Thaws()])
    trainer.model.vit.requires_grad_(False)
    trainer.train()
    assert list(trainer.learning_rates) == GROUPS
    assert_learned(trainer)
    record = LearnedRates.load(tmp_path / "metalr.json")
    assert [(group.name, group.first_lr) for group in record.layer_groups] == [
        (name, 1e-3 if name == "head" else 1e-4) for name in GROUPS
    ]
