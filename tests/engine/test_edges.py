"""What counts as evidence, and what other hands do to parameters and rates between two steps."""

import math

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from transformers import Adafactor

from hf_metalr.engine import MetaLR, MetaLRConfig
from hf_metalr.engine.measurement import Measurement
from hf_metalr.equations import bound_lr
from tests.engine.problem import LAYER_GROUPS, OPTIMIZERS, loss_on, make_batch, make_model, plain_config, train_step
from tests.engine.test_engine import ESTIMATORS, Run


def test_the_agreement_is_bounded() -> None:
    # catches: one batch with a tiny training gradient that swells the second moment and holds the rate for long
    assert Measurement(-5.0, 0.1, gradient_norm=1e-3, displacement_norm=1.0).agreement == -1.0
    assert Measurement(-0.5, 0.1, gradient_norm=1.0, displacement_norm=1.0).agreement == -0.5


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_group_frozen_in_mid_training_keeps_its_rate(estimator: str) -> None:
    # catches: an absent gradient that counts as evidence, on which the rate's own momentum drifts on
    run = Run("sgd", estimator=estimator, hyper_lr=0.1).train(4)
    for parameter in run.model[2].parameters():
        parameter.requires_grad_(False)
        parameter.grad = None
    rate = run.engine.learning_rates["block"]
    run.train(1, start=4)  # next_batch still waits for its measurement of the last moving step
    frozen = run.engine.learning_rates["block"]
    run.train(5, start=5)
    assert run.engine.learning_rates["block"] == frozen == rate
    assert len({meta_step.base_lr["head"] for meta_step in run.seen[-5:]}) == 5


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_step_with_a_closure_is_refused(estimator: str) -> None:
    # catches: gradients of the step before, measured in place of those that the closure is about to compute
    run = Run("sgd", estimator=estimator).train(1)
    before = [parameter.clone() for parameter in run.model.parameters()]
    for arguments, named in (((lambda: 0.0,), {}), ((), {"closure": lambda: 0.0})):
        with pytest.raises(ValueError, match="closure"):
            run.optimizer.step(*arguments, **named)
    assert all(map(torch.equal, before, run.model.parameters()))
    run.optimizer.step(None)  # as accelerate calls it


def test_a_forgotten_displacement_is_not_measured() -> None:
    # catches: weights put in place between two steps, taken for the optimizer's doing
    run = Run("adamw", estimator="next_batch").train(4)
    with torch.no_grad():
        for parameter in run.model.parameters():
            parameter.mul_(-1)
    run.engine.forget_displacement()
    seen = len(run.seen)
    run.train(1, start=4)
    assert len(run.seen) == seen
    run.train(1, start=5)
    assert len(run.seen) == seen + 1


def test_rates_that_are_tensors_are_learned_each_for_itself() -> None:
    # catches: one tensor shared by all layer groups
    rates = []
    for lr in (0.01, torch.tensor(0.01)):
        model = make_model()
        optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
        engine = MetaLR(
            model,
            optimizer,
            config=plain_config(estimator="next_batch", max_lr=1.0),
            layer_groups=LAYER_GROUPS,
        )
        for step in range(8):
            train_step(model, optimizer, step)
        rates.append(engine.learning_rates)
    assert len(set(rates[0].values())) == 3
    assert rates[1] == pytest.approx(rates[0], rel=1e-5)


def test_a_rate_below_the_bounds_is_not_thrown_back() -> None:
    # where a plateau scheduler has brought it; catches: a jump to min_lr by more than max_change
    assert bound_lr(2e-8, lr=1e-8, min_lr=1e-6, max_lr=1e-2, max_change=2.0) == 2e-8
    assert bound_lr(5e-9, lr=1e-8, min_lr=1e-6, max_lr=1e-2, max_change=2.0) == 1e-8  # no further away
    assert bound_lr(9e-1, lr=5e-1, min_lr=1e-6, max_lr=1e-2, max_change=2.0) == 5e-1
    run = Run("sgd", min_lr=0.04, hyper_lr=0.1)
    run.engine.scheduler = ReduceLROnPlateau(run.optimizer, factor=0.1)
    run.train(2)
    for group in run.optimizer.param_groups:
        group["lr"] *= 0.1  # what its step does on a plateau
    before = run.engine.learning_rates
    run.train(1, start=2)
    assert all(abs(math.log(lr / before[name])) <= math.log(2) for name, lr in run.engine.learning_rates.items())
    state = run.engine.state_dict()
    run.engine.load_state_dict(state)  # such a rate can also be resumed


class AbsoluteSchedule(LRScheduler):
    """One that ignores the base rates."""

    def get_lr(self) -> list[float]:
        return [0.05 / (1 + self.last_epoch) for _ in self.optimizer.param_groups]


def test_a_scheduler_that_overwrites_the_learned_rates_is_refused() -> None:
    # catches: learned rates that are shown, logged and never used
    run = Run("sgd", hyper_lr=0.1)
    run.engine.scheduler = AbsoluteSchedule(run.optimizer)
    with pytest.raises(ValueError, match="it overwrites them"):
        run.train(3)


def test_an_optimizer_that_computes_its_own_rates_is_refused() -> None:
    model = make_model()
    with pytest.raises(ValueError, match="relative_step=False"):
        MetaLR(model, Adafactor(model.parameters()), config=MetaLRConfig(estimator="next_batch"))


def test_a_second_engine_on_one_optimizer_is_refused_until_the_first_is_detached() -> None:
    run = Run("sgd")
    config = MetaLRConfig(estimator="next_batch", max_lr=1.0)
    with pytest.raises(ValueError, match="call its `detach"):
        MetaLR(run.model, run.optimizer, config=config, layer_groups=LAYER_GROUPS)
    run.engine.detach()
    MetaLR(run.model, run.optimizer, config=config, layer_groups=LAYER_GROUPS)


def test_gradients_of_parameters_outside_the_model_are_left_alone() -> None:
    # a loss with parameters of its own; catches: meta gradients added to theirs
    model, scale = make_model(), nn.Parameter(torch.ones((), dtype=torch.float64))
    optimizer = OPTIMIZERS["sgd"]([*model.parameters(), scale])

    def loss(step: int) -> torch.Tensor:
        return loss_on(make_batch(step))(model) * scale

    MetaLR(model, optimizer, lambda: loss(99), MetaLRConfig(max_lr=1.0), layer_groups=LAYER_GROUPS)
    loss(0).backward()
    expected = scale.grad.clone()
    optimizer.step()
    assert torch.equal(scale.grad, expected)
