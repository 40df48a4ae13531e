"""Rates that a loop writes itself, and says so, are composed with what is learned."""

from collections.abc import Callable

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR

from hf_metalr.engine import MetaLR
from hf_metalr.layer_groups import LayerGroup
from tests.engine.loop import START, STEPS, Loop, assert_composed, assert_moved, attached, cosine
from tests.engine.problem import LAYER_GROUPS, make_model, plain_config, train_step

ESTIMATORS = ["next_batch", "lookahead"]


def warm_up(step: int) -> float:
    return min(step / 5, 1.0)  # begins at exactly 0


SCHEDULES: dict[str, Callable[[int], float]] = {
    "cosine": cosine,
    "warm-up from 0": warm_up,
    "constant": lambda step: 1.0,
    "every fourth step": lambda step: 0.5 ** (step // 4),
    "0 in between": lambda step: 0.0 if step in (6, 7) else 1.0,
}


@pytest.mark.parametrize("region", [True, False])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_schedule_written_by_hand_multiplies_what_is_learned(estimator: str, schedule: str, region: bool) -> None:
    # catches: a loop that overwrites every learned rate, unnoticed
    loop = attached(scheduler="written", estimator=estimator, trust_region=region, hyper_lr=0.2)
    for step in range(STEPS):
        loop.write(START * SCHEDULES[schedule](step))
        loop.step(step)
    assert_composed(loop, [SCHEDULES[schedule](step) for step in range(STEPS)])
    assert_moved(loop)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_rates_written_after_the_step_are_composed_too(estimator: str) -> None:
    loop = attached(scheduler="written", estimator=estimator, trust_region=False)
    for step in range(STEPS):
        loop.step(step)
        loop.write(START * cosine(step + 1))
    assert_composed(loop, [cosine(step) for step in range(STEPS)])
    assert_moved(loop)


def test_the_learned_rates_are_those_of_the_same_run_under_a_torch_schedule() -> None:
    # catches: a factor that enters what is learned
    by_hand, by_torch = attached(scheduler="written", hyper_lr=0.1), attached(hyper_lr=0.1)
    scheduler = LambdaLR(by_torch.optimizer, cosine)
    by_torch.engine.scheduler = scheduler
    for step in range(STEPS):
        by_hand.write(START * cosine(step))
        by_hand.step(step)
        by_torch.step(step)
        scheduler.step()
    for one, other in zip(by_hand.base, by_torch.base, strict=True):
        assert one == pytest.approx(other, rel=1e-9)


def test_a_schedule_that_reads_its_first_rates_from_the_groups_is_composed_too() -> None:
    # it began with rates that the trust region had moved
    loop = attached(scheduler="written")
    for step in range(STEPS):
        for group in loop.optimizer.param_groups:
            group["lr"] = group.setdefault("first", group["lr"]) * cosine(step)
        loop.step(step)
    assert loop.engine.moved_at_start
    assert_composed(loop, [cosine(step) for step in range(STEPS)])
    assert_moved(loop)


@pytest.mark.parametrize("region", [True, False])
@pytest.mark.parametrize("key", ["lr_scale", "lr_mult"])
def test_lr_scales_of_layers_are_kept(key: str, region: bool) -> None:
    # layer decay as in MAE: the loop multiplies by the group's scale, which the optimizer's first rates lack
    model = make_model()
    scales = {"stem": 0.25, "block": 0.5, "head": 1.0}
    parameters = dict(model.named_parameters())
    groups = [
        {"params": [parameters[name] for name in group.parameter_names], key: scales[group.name]}
        for group in LAYER_GROUPS
    ]
    loop = Loop(torch.optim.AdamW(groups, lr=START)).attach(model, "written", trust_region=region)
    for step in range(STEPS):
        for group in loop.optimizer.param_groups:
            group["lr"] = START * cosine(step) * group[key]
        loop.step(step)
    for step, (base, used) in enumerate(zip(loop.base, loop.used, strict=True)):
        assert used == pytest.approx({name: base[name] * cosine(step) * scales[name] for name in base}, rel=1e-6)
    assert_moved(loop)


@pytest.mark.parametrize("every", [1, 5])
def test_rates_that_are_multiplied_in_place_keep_what_is_learned(every: int) -> None:
    # group["lr"] *= 0.5, as in loops that decay now and then; catches: the learned multiplier, multiplied in once more
    loop = attached(scheduler="written", trust_region=False)
    for step in range(STEPS):
        if step and step % every == 0:
            for group in loop.optimizer.param_groups:
                group["lr"] *= 0.5
        loop.step(step)
    assert_composed(loop, [0.5 ** (step // every) for step in range(STEPS)])
    assert_moved(loop)


def test_a_single_layer_group_under_a_schedule_by_hand_is_learned() -> None:
    model = make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=START)
    config = plain_config(estimator="next_batch", max_lr=1.0)
    engine = MetaLR(model, optimizer, config=config, layer_groups={".": "all"}, scheduler="written")
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = START * cosine(step)
        train_step(model, optimizer, step)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(engine.learning_rates["all"] * cosine(step), rel=1e-6)
    assert engine.learning_rates["all"] != START


def test_a_single_layer_group_keeps_what_is_learned_where_a_schedule_decays_evenly() -> None:
    # catches: 0.9 ** step taken for `*= 0.9`, since the ratio to the last step's rate stays between two meta steps
    model = make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=START)
    config = plain_config(estimator="next_batch", max_lr=1.0, meta_every=3)
    engine = MetaLR(model, optimizer, config=config, layer_groups={".": "all"}, scheduler="written")
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = START * 0.9**step
        train_step(model, optimizer, step)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(engine.learning_rates["all"] * 0.9**step, rel=1e-6)
    assert engine.learning_rates["all"] != START


def test_a_layer_group_that_began_at_0_is_learned_from_the_rate_that_it_is_given() -> None:
    model = make_model()
    head, body = list(model[4].parameters()), [*model[0].parameters(), *model[2].parameters()]
    optimizer = torch.optim.AdamW([{"params": body, "lr": 0.0}, {"params": head}], lr=START)
    loop = Loop(optimizer).attach(model, "written", trust_region=False)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 0.0 if step < 4 and group["layer_group"] != "head" else START * cosine(step)
        loop.step(step)
        assert loop.used[-1]["head"] == pytest.approx(loop.base[-1]["head"] * cosine(step), rel=1e-6)
        woken = cosine(step) / cosine(4) if step >= 4 else 0.0
        assert loop.used[-1]["stem"] == pytest.approx(loop.base[-1]["stem"] * woken, rel=1e-6)
    assert 0 < loop.base[-1]["stem"] != START * cosine(4)


@pytest.mark.parametrize("grouping", [LAYER_GROUPS, LAYER_GROUPS[:1]], ids=["three groups", "two groups"])
def test_a_layer_group_that_is_held_at_0_by_hand_can_be_woken(grouping: tuple[LayerGroup, ...]) -> None:
    # catches: learning lost at 0, the first rate after it refused, the others' taken for numbers of a schedule
    model = make_model()
    rest = {parameter for group in grouping for parameter in group.parameter_names}
    others = tuple(name for name, _ in model.named_parameters() if name not in rest)
    loop = Loop(torch.optim.AdamW(model.parameters(), lr=START))
    groups = (*grouping, LayerGroup("others", others)) if others else grouping
    loop.attach(model, "written", trust_region=False, layer_groups=groups)
    for step in range(3):
        loop.step(step)
    loop.optimizer.param_groups[0]["lr"] = 0.0
    weights = loop.model[0].weight.clone()
    for step in range(3, 6):
        loop.step(step)
    assert torch.equal(loop.model[0].weight, weights)
    learned = loop.base[-1]["stem"]
    others_used = loop.used[-1]
    loop.engine.held_groups = [name for name in others_used if name != "stem"]
    loop.optimizer.param_groups[0]["lr"] = START / 2
    for step in range(6, 10):
        loop.step(step)
        assert loop.used[-1]["stem"] == pytest.approx(loop.base[-1]["stem"] / 2, rel=1e-6)
        assert loop.used[-1] | {"stem": 0.0} == others_used
    assert 0 < loop.base[-1]["stem"] != learned > 0


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

    straight = attached(scheduler="written", estimator=estimator)
    run(straight, range(STEPS))
    first = attached(scheduler="written", estimator=estimator)
    run(first, range(7))
    saved = (first.model.state_dict(), first.optimizer.state_dict(), first.engine.state_dict())
    resumed = attached(scheduler="written", estimator=estimator)
    resumed.model.load_state_dict(saved[0])
    resumed.optimizer.load_state_dict(saved[1])
    resumed.engine.load_state_dict(saved[2])
    run(resumed, range(7, STEPS))
    assert resumed.base == straight.base[7:]
    assert resumed.used == straight.used[7:]


def test_what_is_detached_leaves_no_key_behind() -> None:
    loop = attached(scheduler="written")
    loop.step(0)
    loop.engine.detach()
    assert not any("learned_lr" in group for group in loop.optimizer.param_groups)
