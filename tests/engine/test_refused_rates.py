"""Rates that somebody wrote of whom the engine was not told, or that nothing explains: refused in words."""

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR

from hf_metalr.engine import MetaLR
from hf_metalr.errors import InputError
from tests.engine.loop import START, Loop, attached, cosine
from tests.engine.problem import make_model, plain_config, train_step

REFUSED = (
    r"`scheduler` is None.* layer group 'stem' had \d\S+ and was given \d.*would be lost.*"
    r"`engine\.scheduler = …`\), or the word 'written'"
)


@pytest.mark.parametrize("region", [True, False])
@pytest.mark.parametrize("estimator", ["next_batch", "lookahead"])
def test_rates_that_a_loop_writes_are_refused_where_nobody_told_of_them(estimator: str, region: bool) -> None:
    # catches: a loop that overwrites every learned rate, unnoticed, or a guess at what it meant
    loop = attached(estimator=estimator, trust_region=region)
    if not region:  # the first number of the schedule is the rate that is there
        loop.write(START * cosine(0))
        loop.step(0)
    loop.write(START * cosine(len(loop.used)))
    weights = [parameter.clone() for parameter in loop.model.parameters()]
    with pytest.raises(InputError, match=REFUSED) as caught:
        loop.step(1)
    assert caught.value.parameter == "scheduler"
    assert all(map(torch.equal, weights, loop.model.parameters()))


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.001])
@pytest.mark.parametrize("groups", [slice(None), slice(0, 1), slice(2, 3)])
def test_any_rate_that_nobody_told_of_is_refused(groups: slice, factor: float) -> None:
    loop = attached(trust_region=False)
    for step in range(4):
        loop.step(step)
    for group in loop.optimizer.param_groups[groups]:
        group["lr"] *= factor
    with pytest.raises(InputError, match=r"`scheduler` is None"):
        loop.step(4)


def test_a_single_layer_group_is_not_guessed_at() -> None:
    # one rate is the multiple of any other: whether the learned one is in it cannot be told
    model = make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=START)
    MetaLR(model, optimizer, config=plain_config(estimator="next_batch", max_lr=1.0), layer_groups={".": "all"})
    for step in range(4):
        train_step(model, optimizer, step)
    optimizer.param_groups[0]["lr"] *= 0.1
    with pytest.raises(InputError, match=r"`scheduler` is None"):
        train_step(model, optimizer, 4)


def test_a_refused_loop_goes_on_once_the_engine_is_told() -> None:
    loop = attached(trust_region=False)
    for step in range(4):
        loop.step(step)
    loop.write(START / 2)
    with pytest.raises(InputError, match="'written'"):
        loop.step(4)
    loop.engine.scheduler = "written"
    for step in range(4, 8):
        loop.write(START / 2)
        loop.step(step)
        assert loop.used[-1] == pytest.approx({name: lr / 2 for name, lr in loop.base[-1].items()}, rel=1e-6)


@pytest.mark.parametrize("word", ["by hand", "cosine", ""])
def test_another_word_for_a_scheduler_is_refused(word: str) -> None:
    with pytest.raises(InputError, match=rf"`scheduler` must be .*'written'.*found '{word}'"):
        attached(scheduler=word)
    with pytest.raises(InputError, match=rf"`scheduler` must be .*'written'.*found '{word}'"):
        attached().engine.scheduler = word


@pytest.mark.parametrize("told", ["written", "torch"])
@pytest.mark.parametrize("rates", [(1e-3, 7e-3, 2e-4), (2e-4,)], ids=["each its own", "of one group"])
def test_rates_that_no_common_factor_explains_are_refused(told: str, rates: tuple[float, ...]) -> None:
    # param_groups[0]["lr"] = x meant all parameters, and since the split it means one layer group
    loop = attached(trust_region=False)
    loop.engine.scheduler = "written" if told == "written" else LambdaLR(loop.optimizer, lambda step: 1.0)
    for step in range(4):
        loop.step(step)
    for group, lr in zip(loop.optimizer.param_groups, rates, strict=False):
        group["lr"] = lr
    weights = [parameter.clone() for parameter in loop.model.parameters()]
    writer = "the training loop" if told == "written" else "LambdaLR or a callback"
    with pytest.raises(InputError, match=rf"`scheduler` must multiply.* by {writer}, and no factor common.*Write to"):
        loop.step(4)
    assert all(map(torch.equal, weights, loop.model.parameters()))


def test_two_rates_within_a_layer_group_are_refused() -> None:
    model = make_model()
    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    biases = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    optimizer = torch.optim.AdamW([{"params": weights}, {"params": biases, "weight_decay": 0.0}], lr=START)
    loop = Loop(optimizer).attach(model, "written")
    loop.step(0)
    optimizer.param_groups[0]["lr"] *= 0.5
    with pytest.raises(ValueError, match="must part the parameters so that those of a group share one learning rate"):
        loop.step(1)


class WritesInside(torch.optim.Optimizer):
    """An optimizer with a schedule of its own, as some libraries make it."""

    def __init__(self, parameters, lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            group["lr"] = 5e-4
            for parameter in group["params"]:
                parameter -= group["lr"] * parameter.grad


def test_an_optimizer_that_writes_rates_inside_its_step_is_refused() -> None:
    # catches: a write after the engine has looked, of which it would think that it was its own
    model = make_model()
    loop = Loop(WritesInside(model.parameters(), lr=START)).attach(model)
    with pytest.raises(ValueError, match=r"`optimizer` \(WritesInside\) writes learning rates inside of its step"):
        loop.step(0)
