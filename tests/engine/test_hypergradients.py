"""Measured hypergradients against central finite differences and against the twin, value and sign, in float64."""

import copy

import pytest
import torch

from hf_metalr.engine import MetaLR, MetaStep
from tests.engine.problem import LAYER_GROUPS, OPTIMIZERS, loss_on, make_batch, make_model, plain_config, train_step
from tests.engine.twin import PaperTwin

WIDE = {"min_lr": 1e-12, "max_lr": 1e3, "max_lr_change": 1e9}
STEPS_BEFORE = 3  # fills momentum and second moments
META_BATCH = make_batch(999)


def measure(estimator: str, optimizer_name: str) -> MetaStep:
    model = make_model()
    optimizer = OPTIMIZERS[optimizer_name](model.parameters())
    seen: list[MetaStep] = []
    engine = MetaLR(
        model,
        optimizer,
        lambda: loss_on(META_BATCH)(model),
        plain_config(estimator=estimator, hyper_lr=0.0, **WIDE),
        layer_groups=LAYER_GROUPS,
        on_meta_step=seen.append,
    )
    for step in range(STEPS_BEFORE + 1):
        train_step(model, optimizer, step)
    if estimator == "next_batch":
        optimizer.zero_grad()
        loss_on(META_BATCH)(model).backward()
        optimizer.step()
    assert engine.step == STEPS_BEFORE + 1 + (estimator == "next_batch")
    return seen[-1]


def central_differences(optimizer_name: str, epsilon: float = 1e-5) -> dict[str, float]:
    model = make_model()
    optimizer = OPTIMIZERS[optimizer_name](
        [{"params": [dict(model.named_parameters())[n] for n in group.parameter_names]} for group in LAYER_GROUPS]
    )
    for step in range(STEPS_BEFORE):
        train_step(model, optimizer, step)
    differences = {}
    for index, group in enumerate(LAYER_GROUPS):
        losses = []
        for sign in (1, -1):
            twin_model, twin_optimizer = copy.deepcopy((model, optimizer))
            lr = twin_optimizer.param_groups[index]["lr"]
            twin_optimizer.param_groups[index]["lr"] = lr + sign * epsilon
            train_step(twin_model, twin_optimizer, STEPS_BEFORE)
            losses.append(loss_on(META_BATCH)(twin_model).item())
        differences[group.name] = (losses[0] - losses[1]) / (2 * epsilon)
    return differences


@pytest.mark.parametrize("estimator", ["lookahead", "next_batch"])
@pytest.mark.parametrize("optimizer_name", OPTIMIZERS)
def test_equals_central_differences(estimator: str, optimizer_name: str) -> None:
    # catches: the released code's ascending look-ahead (sign), SGD gradients in place of the optimizer's direction
    measured = measure(estimator, optimizer_name).hypergradient
    for name, expected in central_differences(optimizer_name).items():
        assert measured[name] == pytest.approx(expected, rel=1e-6)


def test_sgd_trajectory_is_the_papers_three_equations() -> None:
    # catches: rescaling by the wrong factor, moving rates after the step, a look-ahead with stale rates
    model, twin_model = make_model(), make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    twin = PaperTwin(twin_model, LAYER_GROUPS, lr=0.05, hyper_lr=5.0)
    seen: list[MetaStep] = []
    config = plain_config("proportional", hyper_lr=5.0, **WIDE)
    engine = MetaLR(
        model, optimizer, lambda: loss_on(make_batch(1000 + engine.step))(model), config,
        layer_groups=LAYER_GROUPS, on_meta_step=seen.append,
    )  # fmt: skip
    for step in range(20):
        twin.step(loss_on(make_batch(step)), loss_on(make_batch(1000 + step)))
        train_step(model, optimizer, step)
        assert seen[-1].hypergradient == pytest.approx(twin.hypergradients, rel=1e-9)
        assert engine.learning_rates == pytest.approx({k: v.item() for k, v in twin.lrs.items()}, rel=1e-12)
    for parameter, expected in zip(model.parameters(), twin_model.parameters(), strict=True):
        torch.testing.assert_close(parameter, expected, rtol=1e-12, atol=1e-14)
    assert max(twin.lrs.values()) / min(twin.lrs.values()) > 1.05  # the rates really moved, and apart


@pytest.mark.parametrize("optimizer_name", OPTIMIZERS)
def test_the_rescaled_step_is_the_step_with_the_new_rates(optimizer_name: str) -> None:
    # step, look, rescale = the optimizer's own step, had it used α' from the start; its state advances once
    model = make_model()
    optimizer = OPTIMIZERS[optimizer_name](model.parameters())
    engine = MetaLR(
        model, optimizer, lambda: loss_on(META_BATCH)(model), plain_config(hyper_lr=0.4, **WIDE),
        layer_groups=LAYER_GROUPS,
    )  # fmt: skip
    for step in range(STEPS_BEFORE):
        train_step(model, optimizer, step)
    twin_model, twin_optimizer = copy.deepcopy((model, optimizer))
    for hooks in (twin_optimizer._optimizer_step_pre_hooks, twin_optimizer._optimizer_step_post_hooks):
        hooks.clear()
    train_step(model, optimizer, STEPS_BEFORE)
    for group in twin_optimizer.param_groups:
        group["lr"] = engine.learning_rates[group["layer_group"]]
    train_step(twin_model, twin_optimizer, STEPS_BEFORE)
    for parameter, expected in zip(model.parameters(), twin_model.parameters(), strict=True):
        torch.testing.assert_close(parameter, expected, rtol=1e-12, atol=1e-14)
    state, expected_state = optimizer.state_dict()["state"], twin_optimizer.state_dict()["state"]
    assert str(state) == str(expected_state)
