"""Moving rates takes time in proportion to the layer groups, and one walk for all is as one walk for each."""

import copy

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR

from hf_metalr.engine import MetaLR, MetaLRConfig, rates
from hf_metalr.engine.measurement import Measurement


def walks(groups: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many walks over the param groups a move of all rates takes."""
    model = nn.ModuleList(nn.Linear(1, 1, bias=False) for _ in range(groups))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    engine = MetaLR(
        model, optimizer, config=MetaLRConfig(estimator="next_batch", trust_region=False), layer_groups="tensor"
    )
    taken, walk = [], rates.learned_groups
    monkeypatch.setattr(rates, "learned_groups", lambda optimizer: taken.append(1) or walk(optimizer))
    before = engine.learning_rates
    engine._move_rates(dict.fromkeys(before, Measurement(-0.1, 0.1, 1.0, 1.0)), None)
    monkeypatch.undo()
    assert len(before) == groups
    assert all(lr > before[name] for name, lr in engine.learning_rates.items())
    return len(taken)


def test_moving_rates_is_linear_in_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    # catches: a walk over all param groups for every layer group (33 ms for 400)
    assert walks(3, monkeypatch) == walks(30, monkeypatch)


@pytest.mark.parametrize("kind", ["none", "multiplies", "one cycle"])
def test_one_walk_sets_what_many_set(kind: str) -> None:
    # catches: a rate of another group's index in the scheduler's lists
    names = ["a", "b", "c"]
    groups = [
        {"params": [nn.Parameter(torch.ones(2))], "lr": 0.1 * (i + 1), "layer_group": n} for i, n in enumerate(names)
    ]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    scheduler = {
        "none": lambda: None,
        "multiplies": lambda: LambdaLR(optimizer, lambda step: 0.5),
        "one cycle": lambda: OneCycleLR(optimizer, max_lr=[0.2, 0.3, 0.4], total_steps=10),
    }[kind]()
    other, other_scheduler = copy.deepcopy((optimizer, scheduler))
    unmoved = rates.base_lrs(optimizer)["b"]
    new = {"a": 0.3, "c": 0.01}
    rates.set_base_lrs(optimizer, scheduler, new)
    for name, lr in new.items():
        rates.set_base_lr(other, other_scheduler, name, lr)
    assert rates.base_lrs(optimizer) == rates.base_lrs(other)
    assert rates.base_lrs(optimizer)["a"] == 0.3
    for group, twin in zip(optimizer.param_groups, other.param_groups, strict=True):
        assert {k: v for k, v in group.items() if k != "params"} == {k: v for k, v in twin.items() if k != "params"}
    if scheduler is not None:
        assert scheduler.base_lrs == [0.3, unmoved, 0.01]
        assert scheduler.base_lrs == other_scheduler.base_lrs
        assert scheduler._last_lr == other_scheduler._last_lr
