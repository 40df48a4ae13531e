"""Schedulers that the engine is told of, wrapped or not, that write rates or multiply them."""

import math
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LambdaLR, ReduceLROnPlateau

from hf_metalr.engine import MetaLR
from hf_metalr.errors import InputError
from hf_metalr.layer_groups import LayerGroup
from tests.engine.loop import START, STEPS, Loop, assert_composed, assert_moved, attached, cosine
from tests.engine.problem import LAYER_GROUPS, make_model


class TimmScheduler:
    """As timm's: it keeps ``base_values``, and writes the rate of every param group without reading it."""

    def __init__(self, optimizer: torch.optim.Optimizer, t_initial: int, lr_min: float, warmup_t: int) -> None:
        self.optimizer, self.t_initial, self.lr_min, self.warmup_t = optimizer, t_initial, lr_min, warmup_t
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        self.base_values = [group["initial_lr"] for group in optimizer.param_groups]
        self.warmup_steps = [value / warmup_t for value in self.base_values]
        self.update_groups([0.0] * len(self.base_values))

    def values(self, t: int) -> list[float]:
        if t < self.warmup_t:
            return [t * value for value in self.warmup_steps]
        wave = 0.5 * (1 + math.cos(math.pi * t / self.t_initial))
        return [self.lr_min + (value - self.lr_min) * wave for value in self.base_values]

    def step_update(self, num_updates: int) -> None:
        self.update_groups(self.values(num_updates))

    def update_groups(self, values: list[float]) -> None:
        for group, value in zip(self.optimizer.param_groups, values, strict=False):
            group["lr"] = value * group.get("lr_scale", 1.0)


@pytest.mark.parametrize("region", [True, False])
@pytest.mark.parametrize("when", ["before", "told after", "after"])
def test_a_scheduler_that_writes_rates_as_timms_does(when: str, region: bool) -> None:
    # catches: lists as long as before the split, whose entries then go to other layers or to none
    model = make_model()
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW([{"params": parameters[:4]}, {"params": parameters[4:], "lr": 10 * START}], lr=START)
    settings: dict[str, Any] = {"t_initial": STEPS, "lr_min": 1e-5, "warmup_t": 4}
    loop = Loop(optimizer)
    if when != "after":
        scheduler = TimmScheduler(optimizer, **settings)
    if when == "before":
        loop.attach(model, scheduler, trust_region=region)
    else:
        loop.attach(model, trust_region=region)
        if when == "after":
            scheduler = TimmScheduler(optimizer, **settings)
        loop.engine.scheduler = scheduler
    units = dict(zip([group["layer_group"] for group in optimizer.param_groups], scheduler.base_values, strict=True))
    for step in range(STEPS):
        scheduled = {group["layer_group"]: group["lr"] for group in optimizer.param_groups}
        loop.step(step)
        for name, lr in loop.base[-1].items():
            assert loop.used[-1][name] == pytest.approx(lr / units[name] * scheduled[name], rel=1e-6, abs=1e-30)
        scheduler.step_update(step + 1)
    assert_moved(loop)


def test_a_scheduler_like_timms_that_is_not_told_is_an_error() -> None:
    loop = attached()
    TimmScheduler(loop.optimizer, STEPS, 0.0, 4)
    with pytest.raises(ValueError, match=r"engine\.scheduler = scheduler"):
        loop.step(0)


@pytest.mark.parametrize("when", ["before", "told after", "after"])
def test_accelerates_wrapper_of_a_scheduler_is_seen_through(when: str) -> None:
    accelerator = Accelerator(cpu=True)
    model = make_model()
    optimizer = accelerator.prepare(torch.optim.AdamW(model.parameters(), lr=START))

    def make() -> Any:
        return accelerator.prepare(LambdaLR(optimizer.optimizer, cosine))

    loop = Loop(optimizer.optimizer)
    if when == "before":
        scheduler = make()
        loop.attach(model, scheduler)
    elif when == "told after":
        scheduler = make()
        loop.attach(model).engine.scheduler = scheduler
    else:
        scheduler = None
        loop.attach(model)
        scheduler = make()
        loop.engine.scheduler = scheduler
    for step in range(STEPS):
        loop.step(step)
        scheduler.scheduler.step()
    assert_composed(loop, [cosine(step) for step in range(STEPS)])
    assert_moved(loop)


def test_accelerates_wrapper_of_an_optimizer_is_seen_through() -> None:
    model = make_model()
    wrapped = Accelerator(cpu=True).prepare(torch.optim.AdamW(model.parameters(), lr=START))
    engine = MetaLR(model, wrapped, layer_groups=LAYER_GROUPS)
    assert engine.optimizer is wrapped.optimizer
    assert list(engine.learning_rates) == ["stem", "block", "head"]


def test_a_callback_that_writes_over_a_torch_schedule_is_composed_with() -> None:
    # catches: rates that the loop wrote at every step, with nothing learned in them
    loop = attached(trust_region=False)
    scheduler = LambdaLR(loop.optimizer, lambda step: 1.0)
    loop.engine.scheduler = scheduler
    for step in range(STEPS):
        if step >= 4:
            loop.write(START * 0.1)
        loop.step(step)
        scheduler.step()
    assert_composed(loop, [1.0 if step < 4 else 0.1 for step in range(STEPS)])
    assert_moved(loop)


def test_a_schedule_may_end_at_its_floor() -> None:
    # catches: one rate for all at the end of a cosine, taken for a scheduler that overwrites what is learned
    loop = attached(trust_region=False)
    scheduler = CosineAnnealingLR(loop.optimizer, T_max=8, eta_min=1e-5)
    loop.engine.scheduler = scheduler
    for step in range(10):
        if step == 7:
            loop.engine.held_groups = ["stem", "block", "head"]
        loop.step(step)
        scheduler.step()
    assert len(set(loop.base[-1].values())) == 3
    assert loop.used[8] == pytest.approx(dict.fromkeys(loop.used[8], 1e-5), rel=1e-6)


def test_a_plateau_scheduler_beside_a_schedule_by_hand_scales_and_is_composed() -> None:
    loop = attached(trust_region=False)
    scheduler = ReduceLROnPlateau(loop.optimizer, factor=0.5, patience=0, min_lr=0.0)
    loop.engine.scheduler = scheduler
    for step in range(4):
        loop.step(step)
    learned = loop.engine.learning_rates
    loop.engine.held_groups = list(learned)
    scheduler.step(1.0)
    scheduler.step(2.0)
    loop.step(4)
    assert loop.used[-1] == pytest.approx({name: lr / 2 for name, lr in learned.items()})
    for step in (5, 6):  # and the loop writes half of the first rate from here on
        loop.write(START / 2)
        loop.step(step)
        assert loop.used[-1] == pytest.approx({name: lr / 4 for name, lr in learned.items()})


@pytest.mark.parametrize("kind", [ReduceLROnPlateau, ConstantLR])
def test_a_factor_beside_a_scheduler_of_one_layer_group_only_scales(kind: type) -> None:
    # one rate is a multiple of any: catches the learned multiplier, multiplied in once more
    model = make_model()
    everything = (LayerGroup("all", tuple(name for name, _ in model.named_parameters())),)
    loop = Loop(torch.optim.AdamW(model.parameters(), lr=START)).attach(model, layer_groups=everything)
    loop.engine.scheduler = kind(loop.optimizer, factor=0.5) if kind is ReduceLROnPlateau else kind(loop.optimizer, 1.0)
    for step in range(4):
        loop.step(step)
    loop.engine.held_groups = ["all"]
    loop.optimizer.param_groups[0]["lr"] *= 0.5  # a callback
    loop.step(4)
    assert loop.used[3]["all"] != START
    assert loop.used[4]["all"] == pytest.approx(loop.used[3]["all"] / 2)


def test_a_plateau_scheduler_stops_at_its_own_bound() -> None:
    # one layer group before another, so that they have no factor in common
    loop = attached(trust_region=False)
    loop.engine.scheduler = scheduler = ReduceLROnPlateau(loop.optimizer, factor=0.5, patience=0)
    for step in range(4):
        loop.step(step)
    loop.engine.held_groups = list(loop.used[3])
    lowest, *_, highest = sorted(loop.used[3].values())
    bound = (lowest + highest) / 4
    scheduler.min_lrs = [bound] * 3
    scheduler.step(1.0)
    scheduler.step(2.0)
    loop.step(4)
    assert loop.used[4] == pytest.approx({name: max(lr / 2, bound) for name, lr in loop.used[3].items()})


def test_a_scheduler_of_another_optimizer_is_refused():
    model = make_model()
    optimizer, other = (torch.optim.AdamW(model.parameters(), lr=1e-3) for _ in range(2))
    with pytest.raises(InputError, match=r"^`scheduler` must be that of the optimizer .*found a LambdaLR of another"):
        MetaLR(model, optimizer, layer_groups=LAYER_GROUPS, scheduler=LambdaLR(other, lambda step: 1.0))
