"""Reduced precision: float16 with gradient scaling, bfloat16 autocast."""

import pytest
import torch
from torch import nn

from hf_metalr.engine import MetaLR, MetaStep
from tests.engine.problem import LAYER_GROUPS, loss_on, make_batch, make_model, plain_config

ESTIMATORS = ["lookahead", "next_batch"]
OVERFLOW_AT = 3


def train(estimator: str, fused: bool, scaled: bool, unscale_first: bool) -> tuple[list[MetaStep], MetaLR, nn.Module]:
    """Train 7 steps; with gradient scaling, step 3 overflows and is skipped by the scaler (or left out without it)."""
    model = make_model(dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, enabled=scaled, growth_interval=1000)
    seen: list[MetaStep] = []
    engine = MetaLR(
        model,
        optimizer,
        lambda: loss_on(make_batch(500 + engine.step, torch.float32))(model),
        plain_config(estimator=estimator, hyper_lr=0.1),
        layer_groups=LAYER_GROUPS,
        on_meta_step=seen.append,
        loss_scale=scaler.get_scale if scaled else None,
    )
    for step in range(7):
        if step == OVERFLOW_AT and not scaled:
            continue
        optimizer.zero_grad()
        loss = loss_on(make_batch(step, torch.float32))(model)
        scaler.scale(loss * (float("inf") if step == OVERFLOW_AT else 1.0)).backward()
        if unscale_first:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
    return seen, engine, model


@pytest.mark.filterwarnings("ignore:.*lr_scheduler.*:UserWarning")
@pytest.mark.parametrize("unscale_first", [False, True])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_gradient_scaling_leaves_hypergradients_and_rates_alone(
    estimator: str, fused: bool, unscale_first: bool
) -> None:
    # catches: hypergradients 1024 times too large, a skipped step that counts as a meta step with zero displacement
    expected, engine, model = train(estimator, fused, scaled=False, unscale_first=False)
    seen, scaled_engine, scaled_model = train(estimator, fused, scaled=True, unscale_first=unscale_first)
    assert len(seen) == len(expected) == (6 if estimator == "lookahead" else 5)
    for one, other in zip(expected, seen, strict=True):
        assert other.hypergradient == pytest.approx(one.hypergradient, rel=1e-4)
    assert scaled_engine.learning_rates == pytest.approx(engine.learning_rates, rel=1e-4)
    assert scaled_engine.step == engine.step == 6
    for parameter, other in zip(model.parameters(), scaled_model.parameters(), strict=True):
        torch.testing.assert_close(parameter, other, rtol=1e-4, atol=1e-6)


def test_a_meta_gradient_that_overflows_skips_the_meta_step_only() -> None:
    model = make_model(dtype=torch.float32)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    loss = loss_on(make_batch(0, torch.float32))
    engine = MetaLR(
        model, optimizer, lambda: 100 * loss(model), plain_config(), layer_groups=LAYER_GROUPS, loss_scale=lambda: 3e38
    )
    for _ in range(2):
        optimizer.zero_grad()
        loss(model).backward()
        optimizer.step()
    assert engine.skipped == 2
    assert engine.learning_rates == dict.fromkeys(("stem", "block", "head"), 1e-3)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_bfloat16_autocast_agrees_with_float32_in_sign_where_there_is_a_signal() -> None:
    def hypergradients(autocast: bool) -> list[dict]:
        model = make_model(dtype=torch.float32)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        seen: list[MetaStep] = []

        def loss(seed: int) -> torch.Tensor:
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                return loss_on(make_batch(seed, torch.float32))(model)

        engine = MetaLR(
            model, optimizer, lambda: loss(900 + engine.step), plain_config(hyper_lr=0.0),
            layer_groups=LAYER_GROUPS, on_meta_step=seen.append,
        )  # fmt: skip
        for step in range(20):
            optimizer.zero_grad()
            loss(step).backward()
            optimizer.step()
        return [meta_step.hypergradient for meta_step in seen]

    exact, rounded = hypergradients(False), hypergradients(True)
    for name in exact[0]:
        values = torch.tensor([[one[name], other[name]] for one, other in zip(exact, rounded, strict=True)])
        noise = (values[:, 0] - values[:, 1]).square().mean().sqrt()  # over all steps: a flipped sign would raise it
        clear = values[values[:, 0].abs() > 2 * noise]
        assert (clear[:, 0] * clear[:, 1] > 0).all()
        assert len(clear) >= 10  # of 20: in every group most of the signal lies above the noise
