"""A hypergradient over several steps, and a hyper-LR that slows down."""

import math

import pytest
import torch
from torch import Tensor

from hf_metalr.engine import MetaLR, MetaStep
from tests.engine.problem import LAYER_GROUPS, OPTIMIZERS, make_model, plain_config, train_step


def train(steps: int, **settings) -> tuple[list[MetaStep], list[dict[str, Tensor]], list[dict[str, Tensor]]]:
    """Meta steps, and the parameters before and the gradients of every optimizer step."""
    model = make_model()
    optimizer = OPTIMIZERS["adamw"](model.parameters())
    seen, points, gradients = [], [], []
    config = plain_config(**({"estimator": "next_batch", "max_lr": 1.0} | settings))
    engine = MetaLR(model, optimizer, None, config, layer_groups=LAYER_GROUPS, on_meta_step=seen.append)

    def note(*_) -> None:
        points.append({name: p.detach().clone() for name, p in model.named_parameters()})
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters()})

    optimizer.register_step_pre_hook(note)
    for step in range(steps):
        train_step(model, optimizer, step)
    assert len(seen) == steps - 1
    assert engine.step == steps
    return seen, points, gradients


@pytest.mark.parametrize("horizon", [1, 2, 5])
def test_the_displacement_is_a_fading_sum_of_past_steps(horizon: int) -> None:
    # catches: an anchor that stands still, moves before it is measured, or forgets at another speed
    seen, points, gradients = train(8, horizon=horizon, hyper_lr=0.0)
    for now in range(1, 8):
        for group in LAYER_GROUPS:
            expected = 0.0
            for name in group.parameter_names:
                steps = [(1 - 1 / horizon) ** age * (points[now - age][name] - points[now - age - 1][name])
                         for age in range(now)]  # fmt: skip
                expected += (gradients[now][name] * torch.stack(steps).sum(0)).sum().item()
            measured = seen[now - 1].hypergradient[group.name]
            assert measured * 0.01 == pytest.approx(expected, rel=1e-9, abs=1e-15)  # h = ∂L/∂ln α / α


def test_a_longer_horizon_sees_through_bouncing() -> None:
    """A slow valley with a steep cross-section, at a rate that makes the steep direction bounce.

    One step sees the bounce and asks for a smaller rate; several steps see the advance along the valley.
    """
    asked = {}
    for horizon in (1, 20):
        model = torch.nn.Linear(2, 1, bias=False, dtype=torch.float64)
        with torch.no_grad():
            model.weight.copy_(torch.tensor([[0.003, 1.0]]))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.02)  # 2 over the curvature: it bounces for ever
        seen: list[MetaStep] = []
        config = plain_config(estimator="next_batch", hyper_lr=0.0, horizon=horizon, max_lr=1.0)
        MetaLR(model, optimizer, None, config, layer_groups={"weight": "all"}, on_meta_step=seen.append)
        for _ in range(60):
            optimizer.zero_grad()
            (0.5 * (model.weight**2 * torch.tensor([[100.0, 0.1]])).sum()).backward()
            optimizer.step()
        asked[horizon] = sum(step.hypergradient["all"] for step in seen[-20:])
    assert asked[1] > 0 > asked[20]


def test_the_hyper_lr_slows_down_with_the_meta_steps() -> None:
    constant, _, _ = train(6, hyper_lr=1e-6)
    decayed, _, _ = train(6, hyper_lr=1e-6, hyper_lr_decay=2.0)
    previous = dict.fromkeys(constant[0].base_lr, 0.01)
    for t, (full, slow) in enumerate(zip(constant, decayed, strict=True)):
        for name, lr in full.base_lr.items():
            moved = math.log(lr / (previous[name] if t == 0 else constant[t - 1].base_lr[name]))
            less = math.log(slow.base_lr[name] / (previous[name] if t == 0 else decayed[t - 1].base_lr[name]))
            assert less == pytest.approx(moved / math.sqrt(1 + t / 2), rel=1e-3)
