"""A training loop in which somebody else writes rates, and what must hold of it."""

import math
from typing import Any

import pytest
import torch

from hf_metalr.engine import MetaLR, MetaLRConfig
from hf_metalr.layer_groups import LayerGroup
from tests.engine.problem import LAYER_GROUPS, loss_on, make_batch, make_model, train_step

STEPS = 16
START = 1e-3


def cosine(step: int) -> float:
    return 0.5 * (1 + math.cos(math.pi * step / STEPS))


class Loop:
    """A training loop that records, after each step, the learned base rates and those that were used."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self.base: list[dict[str, float]] = []
        self.used: list[dict[str, float]] = []

    def attach(
        self,
        model: torch.nn.Module,
        scheduler: Any = None,
        layer_groups: tuple[LayerGroup, ...] = LAYER_GROUPS,
        **config: Any,
    ) -> "Loop":
        self.model = model
        self.engine = MetaLR(
            model,
            self.optimizer,
            lambda: loss_on(make_batch(999))(model),
            MetaLRConfig(**({"max_lr": 1.0} | config)),
            layer_groups=layer_groups,
            scheduler=scheduler,
        )
        return self

    def step(self, step: int) -> None:
        train_step(self.model, self.optimizer, step)
        self.used.append({group["layer_group"]: group["lr"] for group in self.optimizer.param_groups})
        self.base.append(self.engine.learning_rates)

    def write(self, lr: float) -> None:
        """As `adjust_learning_rate` of MAE, DeiT and RETFound does."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group.get("lr_scale", 1.0)


def attached(start: float = START, **config: Any) -> Loop:
    model = make_model()
    return Loop(torch.optim.AdamW(model.parameters(), lr=start)).attach(model, **config)


def assert_composed(loop: Loop, factors: list[float]) -> None:
    """What is reported after a step is what it used: the look-ahead's move acts on the step itself, too."""
    for base, used, factor in zip(loop.base, loop.used, factors, strict=True):
        for name, lr in base.items():
            assert used[name] == pytest.approx(lr * factor, rel=1e-6, abs=1e-30)


def assert_moved(loop: Loop) -> None:
    assert len(set(loop.base[-1].values())) >= 2
    assert any(abs(math.log(loop.base[-1][name] / lr)) > 0.1 for name, lr in loop.base[0].items())
