"""Rates that somebody else wrote between two steps: composed with what is learned, or refused in words."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, ReduceLROnPlateau

from hf_metalr.engine import MetaLR, MetaLRConfig
from tests.engine.problem import LAYER_GROUPS, loss_on, make_batch, make_model, plain_config, train_step

STEPS = 16
START = 1e-3
ESTIMATORS = ["next_batch", "lookahead"]


def cosine(step: int) -> float:
    return 0.5 * (1 + math.cos(math.pi * step / STEPS))


def warm_up(step: int) -> float:
    return min(step / 5, 1.0)  # begins at exactly 0


SCHEDULES: dict[str, Callable[[int], float]] = {
    "cosine": cosine,
    "warm-up from 0": warm_up,
    "constant": lambda step: 1.0,
    "every fourth step": lambda step: 0.5 ** (step // 4),
    "0 in between": lambda step: 0.0 if step in (6, 7) else 1.0,
}


class Loop:
    """A training loop that records, after each step, the learned base rates and those that were used."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self.base: list[dict[str, float]] = []
        self.used: list[dict[str, float]] = []

    def attach(self, model: torch.nn.Module, scheduler: Any = None, **config: Any) -> "Loop":
        self.model = model
        self.engine = MetaLR(
            model,
            self.optimizer,
            lambda: loss_on(make_batch(999))(model),
            MetaLRConfig(**({"max_lr": 1.0} | config)),
            layer_groups=LAYER_GROUPS,
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


@pytest.mark.parametrize("region", [True, False])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_schedule_written_by_hand_multiplies_what_is_learned(estimator: str, schedule: str, region: bool) -> None:
    # catches: a loop that overwrites every learned rate, unnoticed
    loop = attached(estimator=estimator, trust_region=region, hyper_lr=0.2)
    for step in range(STEPS):
        loop.write(START * SCHEDULES[schedule](step))
        loop.step(step)
    assert_composed(loop, [SCHEDULES[schedule](step) for step in range(STEPS)])
    assert_moved(loop)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_rates_written_after_the_step_are_composed_too(estimator: str) -> None:
    loop = attached(estimator=estimator, trust_region=False)
    for step in range(STEPS):
        loop.step(step)
        loop.write(START * cosine(step + 1))
    assert_composed(loop, [cosine(step) for step in range(STEPS)])
    assert_moved(loop)


def test_the_learned_rates_are_those_of_the_same_run_under_a_torch_schedule() -> None:
    # catches: a factor that enters what is learned
    by_hand, by_torch = attached(hyper_lr=0.1), attached(hyper_lr=0.1)
    scheduler = LambdaLR(by_torch.optimizer, cosine)
    by_torch.engine.scheduler = scheduler
    for step in range(STEPS):
        by_hand.write(START * cosine(step))
        by_hand.step(step)
        by_torch.step(step)
        scheduler.step()
    for one, other in zip(by_hand.base, by_torch.base, strict=True):
        assert one == pytest.approx(other, rel=1e-9)


@pytest.mark.parametrize("region", [True, False])
def test_lr_scales_of_layers_are_kept(region: bool) -> None:
    # layer decay as in MAE: the loop multiplies by the group's scale, which the optimizer's first rates lack
    model = make_model()
    scales = {"stem": 0.25, "block": 0.5, "head": 1.0}
    parameters = dict(model.named_parameters())
    groups = [
        {"params": [parameters[name] for name in group.parameter_names], "lr_scale": scales[group.name]}
        for group in LAYER_GROUPS
    ]
    loop = Loop(torch.optim.AdamW(groups, lr=START)).attach(model, trust_region=region)
    for step in range(STEPS):
        loop.write(START * cosine(step))
        loop.step(step)
    for step, (base, used) in enumerate(zip(loop.base, loop.used, strict=True)):
        assert used == pytest.approx({name: base[name] * cosine(step) * scales[name] for name in base}, rel=1e-6)
    assert_moved(loop)


def test_rates_that_are_multiplied_in_place_keep_what_is_learned() -> None:
    # group["lr"] *= 0.1, as in loops that decay now and then; nothing tells it apart from learning but the engine
    loop = attached(trust_region=False)
    for step in range(STEPS):
        before = loop.engine.learning_rates
        if step in (5, 10):
            for group in loop.optimizer.param_groups:
                group["lr"] *= 0.5
        loop.step(step)
        if step in (5, 10):
            for name, lr in loop.base[-1].items():
                assert lr == loop.used[-1][name]
                assert abs(math.log(lr / before[name] / 0.5)) <= math.log(2.0)
                assert lr / before[name] != pytest.approx(0.5, rel=1e-9)  # it went on learning
    assert_moved(loop)


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


def test_rates_that_nothing_explains_are_refused_at_the_first_such_step() -> None:
    loop = attached(trust_region=False)
    for step in range(4):
        loop.step(step)
    for group, lr in zip(loop.optimizer.param_groups, (1e-3, 7e-3, 2e-4), strict=True):
        group["lr"] = lr
    weights = [parameter.clone() for parameter in loop.model.parameters()]
    with pytest.raises(
        ValueError, match=r"`scheduler` must multiply the learned rates.*the training loop or a callback"
    ):
        loop.step(4)
    assert all(map(torch.equal, weights, loop.model.parameters()))


def test_a_write_to_what_was_the_only_param_group_is_refused() -> None:
    # param_groups[0]["lr"] = x meant all parameters, and since the split it means one layer group
    loop = attached(trust_region=False)
    for step in range(3):
        loop.step(step)
    loop.optimizer.param_groups[0]["lr"] = 2e-4
    with pytest.raises(ValueError, match=r"Write to every group of optimizer\.param_groups"):
        loop.step(3)


def test_one_layer_group_may_be_given_another_rate_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    loop = attached(trust_region=False)
    for step in range(4):
        loop.step(step)
    loop.optimizer.param_groups[2]["lr"] = 2e-4
    loop.step(4)
    assert ["'head' was set from" in record.message for record in caplog.records] == [True]
    rates = [base["head"] for base in loop.base[4:]]
    for step in range(5, 10):
        loop.step(step)
        rates.append(loop.base[-1]["head"])
    assert 1e-4 <= rates[0] <= 4e-4
    assert len(set(rates)) == 6  # it is learned from there
    assert len(caplog.records) == 1


def test_a_layer_group_that_is_set_to_0_is_frozen_and_can_be_woken(caplog: pytest.LogCaptureFixture) -> None:
    loop = attached(trust_region=False)
    for step in range(3):
        loop.step(step)
    loop.optimizer.param_groups[0]["lr"] = 0.0
    weights = loop.model[0].weight.clone()
    for step in range(3, 6):
        loop.step(step)
    assert torch.equal(loop.model[0].weight, weights)
    assert loop.base[-1]["stem"] == 0.0
    assert "'stem' was set to 0" in caplog.text
    loop.optimizer.param_groups[0]["lr"] = 2e-4
    for step in range(6, 10):
        loop.step(step)
    assert 0 < loop.base[-1]["stem"] != 2e-4


def test_two_rates_within_a_layer_group_are_refused() -> None:
    model = make_model()
    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    biases = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    optimizer = torch.optim.AdamW([{"params": weights}, {"params": biases, "weight_decay": 0.0}], lr=START)
    loop = Loop(optimizer).attach(model)
    loop.step(0)
    optimizer.param_groups[0]["lr"] *= 0.5
    with pytest.raises(ValueError, match="must part the parameters so that those of a group share one learning rate"):
        loop.step(1)


def test_a_single_layer_group_is_not_guessed_at() -> None:
    # one rate is the multiple of any other: whether the learned one is in it cannot be told
    model = make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=START)
    MetaLR(model, optimizer, config=plain_config(estimator="next_batch", max_lr=1.0), layer_groups={".": "all"})
    for step in range(4):
        train_step(model, optimizer, step)
    optimizer.param_groups[0]["lr"] *= 0.1
    with pytest.raises(ValueError, match="no common factor explains"):
        train_step(model, optimizer, 4)


def test_a_single_layer_group_under_a_schedule_by_hand_is_learned() -> None:
    model = make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=START)
    engine = MetaLR(
        model, optimizer, config=plain_config(estimator="next_batch", max_lr=1.0), layer_groups={".": "all"}
    )
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = START * cosine(step)
        train_step(model, optimizer, step)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(engine.learning_rates["all"] * cosine(step), rel=1e-6)
    assert engine.learning_rates["all"] != START


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
    scheduler.step(1.0)
    scheduler.step(2.0)
    assert loop.engine.learning_rates == pytest.approx({name: lr / 2 for name, lr in learned.items()})
    for step in range(4, 8):
        loop.step(step)
    loop.write(START)  # and the loop sets all back to the first rate
    before = loop.engine.state_dict()["written"]["units"]
    loop.step(8)
    for name, lr in loop.used[-1].items():
        assert abs(math.log(lr / (START * loop.base[-2][name] / before[name]))) <= math.log(2.0)


@pytest.mark.parametrize("after_the_step", [False, True])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_resumed_schedule_by_hand_goes_on_bit_for_bit(estimator: str, after_the_step: bool) -> None:
    def run(loop: Loop, steps: range) -> None:
        for step in steps:
            if not after_the_step:
                loop.write(START * cosine(step))
            loop.step(step)
            if after_the_step:
                loop.write(START * cosine(step + 1))

    straight = attached(estimator=estimator)
    run(straight, range(STEPS))
    first = attached(estimator=estimator)
    run(first, range(7))
    saved = (first.model.state_dict(), first.optimizer.state_dict(), first.engine.state_dict())
    resumed = attached(estimator=estimator)
    resumed.model.load_state_dict(saved[0])
    resumed.optimizer.load_state_dict(saved[1])
    resumed.engine.load_state_dict(saved[2])
    run(resumed, range(7, STEPS))
    assert resumed.base == straight.base[7:]
    assert resumed.used == straight.used[7:]


def test_what_is_detached_leaves_no_key_behind() -> None:
    loop = attached()
    loop.step(0)
    loop.engine.detach()
    assert not any("learned_lr" in group for group in loop.optimizer.param_groups)
