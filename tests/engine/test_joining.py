"""Parameters that join a run later: split, bounded and learned from then on, or refused in words."""

import logging
import math

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR, ReduceLROnPlateau, StepLR

from hf_metalr.engine import MetaLR, MetaLRConfig
from tests.engine.problem import LAYER_GROUPS, loss_on, make_batch, make_model, train_step

ESTIMATORS = ["next_batch", "lookahead"]


def halves(model: nn.Sequential) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The body, frozen, and the head."""
    body, head = [*model[0].parameters(), *model[2].parameters()], list(model[4].parameters())
    for parameter in body:
        parameter.requires_grad_(False)
    return body, head


def attach(model: nn.Module, optimizer: torch.optim.Optimizer, **settings) -> MetaLR:
    config = {"max_lr": 1.0, "trust_region": False} | settings
    return MetaLR(model, optimizer, lambda: loss_on(make_batch(99))(model), MetaLRConfig(**config))


def thaw(parameters: list[nn.Parameter]) -> None:
    for parameter in parameters:
        parameter.requires_grad_(True)


@pytest.mark.parametrize("scheduled", [False, True])
@pytest.mark.parametrize("added", [True, False])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_what_joins_is_learned_from_then_on(estimator: str, added: bool, scheduled: bool) -> None:
    # catches: layers that are trained with the rate they were given to the end, without a word
    model = make_model()
    body, head = halves(model)
    optimizer = torch.optim.AdamW(head if added else model.parameters(), lr=1e-3)
    engine = attach(model, optimizer, estimator=estimator)
    scheduler = LambdaLR(optimizer, lambda step: 0.9**step)
    if scheduled:
        engine.scheduler = scheduler
    else:
        for group in optimizer.param_groups:
            del group["initial_lr"]
    assert list(engine.learning_rates) == ["head"]
    for step in range(12):
        if step == 5:
            thaw(body)
            if added:
                optimizer.add_param_group({"params": body, "lr": 1e-3})
        train_step(model, optimizer, step)
        if scheduled:
            scheduler.step()
    assert list(engine.learning_rates) == ["layer.0", "layer.2", "head"]
    assert len(set(engine.learning_rates.values())) == 3
    assert 1e-3 not in engine.learning_rates.values()
    for group in optimizer.param_groups:
        factor = 0.9**12 if scheduled else 1.0
        assert group["lr"] == pytest.approx(engine.learning_rates[group["layer_group"]] * factor, rel=1e-9)


def test_what_joins_is_brought_into_bounds_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "hf_metalr")
    model = make_model()
    body, head = halves(model)
    optimizer = torch.optim.AdamW(head, lr=1e-3)
    engine = attach(model, optimizer, trust_region=True, max_lr=None)
    train_step(model, optimizer, 0)
    first = engine.lr_bounds["head"]
    thaw(body)
    optimizer.add_param_group({"params": body, "lr": 0.5})
    train_step(model, optimizer, 1)
    assert engine.lr_bounds["head"] == first
    for name in ("layer.0", "layer.2"):
        assert engine.lr_bounds[name].low <= engine.learning_rates[name] <= engine.lr_bounds[name].high < 0.5
        assert engine.moved_at_start[name] == engine.first_lrs[name] == 0.5
    assert ["Layer groups joined" in record.message for record in caplog.records] == [True]


def test_what_joins_a_layer_group_that_is_there_keeps_its_own_rate() -> None:
    model = make_model()
    biases = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    for parameter in weights:
        parameter.requires_grad_(False)
    optimizer = torch.optim.AdamW(biases, lr=1e-3)
    engine = attach(model, optimizer)
    for step in range(4):
        train_step(model, optimizer, step)
    learned = engine.learning_rates
    thaw(weights)
    optimizer.add_param_group({"params": weights, "lr": 1e-5})
    train_step(model, optimizer, 4)
    assert [name for name in engine.learning_rates if name not in learned] == [f"{name}.joined" for name in learned]
    assert [engine.learning_rates[f"{name}.joined"] for name in learned] == [1e-5] * 3
    assert {group.name for group in engine.layer_groups if group.is_head} == {"head", "head.joined"}


def test_groups_made_by_hand_are_joined_by_those_of_the_blocks() -> None:
    model = make_model()
    body, head = halves(model)
    optimizer = torch.optim.SGD(head, lr=0.05)
    engine = MetaLR(model, optimizer, config=MetaLRConfig(trust_region=False), layer_groups=LAYER_GROUPS[2:])
    train_step(model, optimizer, 0)
    thaw(body)
    optimizer.add_param_group({"params": body})
    train_step(model, optimizer, 1)
    assert set(engine.learning_rates) == {"head", "layer.0", "layer.2"}


def test_parameters_outside_the_model_join_nothing() -> None:
    model, scale = make_model(), nn.Parameter(torch.ones((), dtype=torch.float64))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    engine = attach(model, optimizer)
    groups = engine.learning_rates.keys()
    optimizer.add_param_group({"params": [scale]})
    train_step(model, optimizer, 0)
    assert engine.learning_rates.keys() == groups
    assert "layer_group" not in optimizer.param_groups[-1]


@pytest.mark.parametrize("kind", [StepLR, ReduceLROnPlateau])
def test_the_lists_of_a_scheduler_grow_with_the_groups(kind: type) -> None:
    model = make_model()
    body, head = halves(model)
    optimizer = torch.optim.SGD(head, lr=0.05)
    scheduler = StepLR(optimizer, 2, gamma=0.5) if kind is StepLR else ReduceLROnPlateau(optimizer, factor=0.5)
    engine = MetaLR(model, optimizer, config=MetaLRConfig(trust_region=False), scheduler=scheduler)
    train_step(model, optimizer, 0)
    thaw(body)
    optimizer.add_param_group({"params": body, "lr": 0.02})
    for step in range(1, 6):
        train_step(model, optimizer, step)
        scheduler.step(*(() if kind is StepLR else (1.0,)))
    assert set(engine.learning_rates) == {"layer.0", "layer.2", "head"}
    factor = 0.25 if kind is StepLR else 1.0
    for group in optimizer.param_groups:
        assert group["lr"] == pytest.approx(engine.learning_rates[group["layer_group"]] * factor, rel=1e-9)


def test_a_scheduler_that_cannot_take_more_groups_is_refused_in_words() -> None:
    model = make_model()
    body, head = halves(model)
    optimizer = torch.optim.SGD(head, lr=0.05, momentum=0.9)
    scheduler = OneCycleLR(optimizer, max_lr=0.1, total_steps=20)
    MetaLR(model, optimizer, config=MetaLRConfig(trust_region=False), scheduler=scheduler)
    train_step(model, optimizer, 0)
    thaw(body)
    optimizer.add_param_group({"params": body, "lr": 0.02})
    with pytest.raises(ValueError, match=r"`scheduler` OneCycleLR keeps .* Add the param groups before"):
        train_step(model, optimizer, 1)


def test_thawed_layers_under_a_schedule_by_hand() -> None:
    model = make_model()
    body, _ = halves(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    engine = attach(model, optimizer)
    engine.scheduler = "written"
    for step in range(14):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * 0.5 * (1 + math.cos(math.pi * step / 20))
        if step == 6:
            thaw(body)
            joined = optimizer.param_groups[0]["lr"]
        train_step(model, optimizer, step)
    factor = 0.5 * (1 + math.cos(math.pi * 13 / 20))
    units = {"head": 1e-3, "layer.0": joined, "layer.2": joined}
    for group in optimizer.param_groups:
        name = group["layer_group"]
        assert group["lr"] == pytest.approx(engine.learning_rates[name] / units[name] * 1e-3 * factor, rel=1e-6)
    assert len(set(engine.learning_rates.values())) == 3
