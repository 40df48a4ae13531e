"""Rates that somebody wrote and that no schedule explains: refused in words, or taken with one."""

import pytest
import torch

from hf_metalr.engine import MetaLR
from tests.engine.loop import START, Loop, attached
from tests.engine.problem import make_model, plain_config, train_step


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
