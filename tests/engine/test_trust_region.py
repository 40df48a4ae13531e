"""The bounds that a run learns within: which weights decide, how a run starts, and how it goes on."""

import math
from statistics import geometric_mean, median
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from hf_metalr.engine import MetaLR, MetaLRConfig
from hf_metalr.engine.rates import effective_lrs
from hf_metalr.engine.trust_region import lr_bounds
from hf_metalr.equations import Bounds, head_bounds, relative_bounds
from hf_metalr.layer_groups import LayerGroup, make_layer_groups
from hf_metalr.layer_groups.param_groups import split_param_groups
from tests.engine.problem import LAYER_GROUPS, make_model, train_step
from tests.trainer.tiny import make_bert, make_convnext, make_vit

NAMES = [group.name for group in LAYER_GROUPS]
WIDE: dict[str, Any] = {"min_lr": 1e-12, "max_lr": 1e3}


def attach(model: nn.Module, lr: float, scheduler: Any = None, **config: Any) -> MetaLR:
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    return MetaLR(
        model,
        optimizer,
        config=MetaLRConfig(**(WIDE | config)),
        layer_groups=LAYER_GROUPS,
        scheduler=None if scheduler is None else scheduler(optimizer),
    )


def bounds_of(model: nn.Module, grouping: Any = "block", optimizer: Any = None, **config: Any) -> dict[str, Bounds]:
    """Bounds by layer group of a network that is about to be trained."""
    if optimizer is None:
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    layer_groups = make_layer_groups(model, grouping)
    split_param_groups(optimizer, model, layer_groups)
    return lr_bounds(model, optimizer, layer_groups, MetaLRConfig(**(WIDE | config)))


def size(weight: torch.Tensor) -> float:
    return math.sqrt(sum(value * value for value in weight.flatten().tolist()) / weight.numel())


@pytest.mark.parametrize("grouping", ["block", "tensor"])
@pytest.mark.parametrize("make_model", [make_vit, make_convnext, make_bert])
def test_one_region_for_the_body_whatever_the_grouping_and_the_inputs_of_a_head(make_model, grouping: str) -> None:
    # catches: norm weights (all ones), biases, zeros or the head that have a say, a head judged by its size
    model = make_model()
    found, groups = bounds_of(model, grouping), make_layer_groups(model, grouping)
    head = {name for group in groups if group.is_head for name in group.parameter_names}
    body = [p for name, p in model.named_parameters() if p.ndim > 1 and name not in head]
    assert len(body) > 5
    assert len(head) == 2
    expected = relative_bounds(median(size(matrix) for matrix in body if matrix.any()))
    parameters = dict(model.named_parameters())
    for group in groups:
        of_head = group.is_head and any(parameters[name].ndim > 1 for name in group.parameter_names)
        wanted = head_bounds(16) if of_head else expected  # the networks are 16 wide
        assert found[group.name] == pytest.approx(wanted, rel=1e-5)
    assert list(found) == [group.name for group in groups]


def test_a_model_without_any_matrix_is_bounded_by_the_settings_alone() -> None:
    model = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3))
    assert set(bounds_of(model, min_lr=1e-5, max_lr=1e-3).values()) == {(1e-5, 1e-3)}


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # from PEFT
def test_adapters_are_bounded_by_the_settings_alone() -> None:
    # catches: LoRA's small first factor, which would hold its rate far below what is usual
    peft = pytest.importorskip("peft")
    lora = peft.LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query", "value"])
    model = peft.get_peft_model(make_bert(), lora)
    for trained in (False, True):  # the second factor is zero at first
        found = bounds_of(model, min_lr=1e-5, max_lr=1e-1)
        assert found["layer.0"] == (1e-5, 1e-1)
        assert found["head"] == pytest.approx(head_bounds(16).within(1e-5, 1e-1))
        if not trained:
            with torch.no_grad():
                for name, parameter in model.named_parameters():
                    if "lora_B" in name:
                        parameter.fill_(1e-3)


class Lamb(torch.optim.AdamW):
    """Stands for the name alone: its steps would be a share of the weights' own size."""


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW, Lamb])
def test_only_steps_of_the_size_of_the_rate_are_bounded_by_weights(kind: type) -> None:
    model = make_vit()
    wide = dict.fromkeys(bounds_of(model), (1e-5, 1e-1))
    limits = {"min_lr": 1e-5, "max_lr": 1e-1}
    free = bounds_of(model, optimizer=kind(model.parameters(), lr=1e-3), trust_region=False, **limits)
    assert free == wide
    bounded = bounds_of(model, optimizer=kind(model.parameters(), lr=1e-3), **limits)
    assert (bounded == wide) is (kind is not torch.optim.AdamW)


def test_min_lr_and_max_lr_bound_the_region_too() -> None:
    middle = geometric_mean(bounds_of(make_model(), LAYER_GROUPS_BY_NAME)["0"])
    low = bounds_of(make_model(), LAYER_GROUPS_BY_NAME, max_lr=middle)["0"]
    high = bounds_of(make_model(), LAYER_GROUPS_BY_NAME, min_lr=middle)["0"]
    assert low.high == middle == high.low
    assert low.low < middle < high.high


LAYER_GROUPS_BY_NAME = {r"^0\.": "0", r"^2\.": "2", r"^4\.": "head"}


@pytest.mark.parametrize("lr", [1e-9, 1e2])
def test_a_start_outside_is_brought_in_and_stays_in(lr: float) -> None:
    # catches: a start that is left where it is, which bound_lr would let stay outside for good
    engine = attach(make_model(), lr, hyper_lr=0.5, max_lr_change=10.0)
    assert engine.moved_at_start == dict.fromkeys(NAMES, lr)
    end = "low" if lr < 1e-5 else "high"
    assert engine.learning_rates == {name: getattr(engine.lr_bounds[name], end) for name in NAMES}
    left = set()
    for step in range(12):
        train_step(engine.model, engine.optimizer, step)
        for name, rate in engine.learning_rates.items():
            low, high = engine.lr_bounds[name]
            assert low * (1 - 1e-12) <= rate <= high * (1 + 1e-12)
            left |= {name} if low * 1.01 < rate < high / 1.01 else set()
    assert len(left) >= 2  # rates that learn


@pytest.mark.parametrize("end", ["low", "high"])
def test_learning_stops_at_either_end(end: str) -> None:
    # one weight; a gradient that keeps its sign asks for more, one that turns at every step for less
    bounds = relative_bounds(0.5)
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(0.5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=geometric_mean(bounds), betas=(0.0, 0.99), weight_decay=0.0)
    groups = (LayerGroup("all", ("weight",)),)
    config = MetaLRConfig(hyper_lr=1.0, horizon=1, hyper_lr_decay=math.inf, max_lr_change=4.0, **WIDE)
    engine = MetaLR(model, optimizer, config=config, layer_groups=groups)
    assert engine.moved_at_start == {}
    for step in range(30):
        optimizer.zero_grad()
        (model.weight.sum() * (1.0 if end == "high" else (-1.0) ** step)).backward()
        optimizer.step()
    assert engine.learning_rates["all"] == pytest.approx(getattr(bounds, end), rel=1e-12)


def test_a_start_within_is_left_alone() -> None:
    inside = {name: geometric_mean(bounds) for name, bounds in attach(make_model(), 1.0).lr_bounds.items()}
    model = make_model()
    parameters = dict(model.named_parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [parameters[name] for name in group.parameter_names], "lr": inside[group.name]}
            for group in LAYER_GROUPS
        ]
    )
    engine = MetaLR(model, optimizer, config=MetaLRConfig(**WIDE), layer_groups=LAYER_GROUPS)
    assert engine.moved_at_start == {}
    assert engine.learning_rates == inside


def test_a_network_with_batch_norm_bears_more() -> None:
    plain = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    normed = nn.Sequential(plain[0], nn.BatchNorm1d(8), nn.Tanh(), plain[2])
    for model, batch_norm in ((plain, False), (normed, True)):
        first = next(iter(bounds_of(model).values()))
        assert first == pytest.approx(relative_bounds(size(plain[0].weight), batch_norm), rel=1e-5)
    assert relative_bounds(1.0, batch_norm=True) > relative_bounds(1.0)


def test_a_frozen_rate_and_a_held_group_stay() -> None:
    model = make_model()
    optimizer = torch.optim.AdamW(
        [{"params": model[0].parameters(), "lr": 0.0}, {"params": [*model[2].parameters(), *model[4].parameters()]}],
        lr=1e-3,
    )
    engine = MetaLR(model, optimizer, config=MetaLRConfig(**WIDE), layer_groups=LAYER_GROUPS)
    engine.held_groups = ["head"]
    held = engine.learning_rates["head"]
    frozen = model[0].weight.detach().clone()
    for step in range(4):
        train_step(model, optimizer, step)
    assert engine.learning_rates["stem"] == 0.0
    assert torch.equal(model[0].weight, frozen)
    assert engine.learning_rates["head"] == held
    assert engine.learning_rates["block"] not in (1e-3, held)


def test_a_schedule_multiplies_the_rate_that_was_brought_in() -> None:
    # catches: param groups that are moved while the scheduler's own base rates stay outside
    engine = attach(make_model(), 1e2, scheduler=lambda o: LambdaLR(o, lambda step: 0.25 if step else 0.5))
    started = {name: bounds.high for name, bounds in engine.lr_bounds.items()}
    assert engine.learning_rates == started
    assert effective_lrs(engine.optimizer) == pytest.approx({name: lr / 2 for name, lr in started.items()})
    train_step(engine.model, engine.optimizer, 0)
    engine.scheduler.step()
    assert effective_lrs(engine.optimizer) == pytest.approx({name: lr / 4 for name, lr in started.items()})


def test_a_plateau_scheduler_may_still_lower_the_rate_out_of_the_region() -> None:
    # it owns the rate: catches a rate that is thrown back to the lower end at the next meta step
    engine = attach(make_model(), 1e-9, scheduler=lambda o: ReduceLROnPlateau(o, factor=0.01))
    for step in range(2):
        train_step(engine.model, engine.optimizer, step)
    for group in engine.optimizer.param_groups:
        group["lr"] *= 0.01  # what its step does on a plateau
    train_step(engine.model, engine.optimizer, 2)
    assert all(rate < engine.lr_bounds[name].low / 10 for name, rate in engine.learning_rates.items())


def test_the_region_is_that_of_the_weights_a_run_began_with() -> None:
    # catches: bounds that are measured anew when a run is resumed, from weights that have moved since
    first = attach(make_model(), 1.0)
    for step in range(3):
        train_step(first.model, first.optimizer, step)
    moved = make_model()
    moved.load_state_dict({name: 2 * value for name, value in first.model.state_dict().items()})
    resumed = attach(moved, 1.0)
    assert resumed.lr_bounds["stem"] == pytest.approx([2 * end for end in first.lr_bounds["stem"]], rel=0.2)
    resumed.optimizer.load_state_dict(first.optimizer.state_dict())
    resumed.load_state_dict(first.state_dict())
    assert resumed.lr_bounds == first.lr_bounds
    assert resumed.learning_rates == first.learning_rates


def test_a_resumed_run_keeps_to_its_own_min_lr_and_max_lr() -> None:
    first = attach(make_model(), 1.0)
    top = geometric_mean(first.lr_bounds["stem"])
    first.detach()
    for group in first.optimizer.param_groups:
        group["lr"] = top
    narrow = attach(make_model(), top, max_lr=top)
    narrow.optimizer.load_state_dict(first.optimizer.state_dict())
    narrow.load_state_dict(first.state_dict())
    assert narrow.lr_bounds["stem"] == (first.lr_bounds["stem"].low, top)
    free = attach(make_model(), 1e-3, trust_region=False)
    wider = attach(make_model(), 1e-3, trust_region=False, max_lr=5.0)
    wider.load_state_dict(free.state_dict())
    assert set(wider.lr_bounds.values()) == {(WIDE["min_lr"], 5.0)}


def test_a_run_with_the_region_does_not_go_on_without() -> None:
    state = attach(make_model(), 1e-3).state_dict()
    with pytest.raises(ValueError, match="made with trust_region=True; this run has False"):
        attach(make_model(), 1e-3, trust_region=False).load_state_dict(state)
