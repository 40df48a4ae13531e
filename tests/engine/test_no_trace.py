"""A meta step leaves no trace but the rates."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from hf_metalr.engine import MetaLR
from hf_metalr.layer_groups import LayerGroup
from tests.engine.problem import plain_config

GROUPS = (LayerGroup("body", ("0.weight", "0.bias", "1.weight", "1.bias")), LayerGroup("head", ("3.weight", "3.bias")))


def noisy_model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 2))


def train(estimator: str | None, hyper_lr: float = 0.0, fail_at: int | None = None) -> tuple:
    """Train with batches, dropout, BatchNorm and NumPy noise drawn from the global streams."""
    random.seed(0)
    np.random.seed(0)
    model = noisy_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def loss() -> torch.Tensor:
        inputs = torch.randn(6, 5) + float(np.random.rand()) + random.random()
        return nn.functional.cross_entropy(model(inputs), torch.tensor([0, 1, 0, 1, 0, 1]))

    def meta_loss() -> torch.Tensor:
        if fail_at is not None and engine.step == fail_at:
            raise RuntimeError("the meta data raised")
        return loss()

    if estimator is not None:
        config = plain_config("proportional", estimator=estimator, hyper_lr=hyper_lr)
        engine = MetaLR(model, optimizer, meta_loss, config, layer_groups=GROUPS)
    gradients = []
    for _ in range(6):
        optimizer.zero_grad()
        loss().backward()
        before = [p.grad for p in model.parameters()]
        values = [g.clone() for g in before]
        optimizer.step()
        assert all(p.grad is g for p, g in zip(model.parameters(), before, strict=True))
        assert all(torch.equal(g, value) for g, value in zip(before, values, strict=True))
        gradients.append(values)
        assert all(module.training for module in model.modules())
    streams = (torch.get_rng_state(), random.getstate(), np.random.get_state()[1])
    return model.state_dict(), optimizer.state_dict()["state"], streams, gradients


@pytest.mark.parametrize("estimator", ["lookahead", "next_batch"])
def test_a_hyper_lr_of_zero_trains_bit_for_bit_like_the_optimizer_alone(estimator: str) -> None:
    # catches: BatchNorm statistics of the meta batch, consumed random numbers, left-over gradients, split groups that
    # differ
    plain, with_engine = train(None), train(estimator)
    assert str(plain[0]) == str(with_engine[0])
    assert all(torch.equal(plain[0][key], with_engine[0][key]) for key in plain[0])
    assert str(plain[1].keys()) == str(with_engine[1].keys())
    assert torch.equal(plain[2][0], with_engine[2][0])
    assert plain[2][1] == with_engine[2][1]
    assert (plain[2][2] == with_engine[2][2]).all()


def test_rates_that_move_do_change_the_training() -> None:
    # the test above would pass on an engine that never acts
    plain, moved = train(None), train("lookahead", hyper_lr=10.0)
    assert not torch.equal(plain[0]["0.weight"], moved[0]["0.weight"])


def test_a_meta_loss_that_raises_leaves_gradients_streams_and_buffers_as_they_were() -> None:
    model = noisy_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

    def meta_loss() -> torch.Tensor:
        model(torch.randn(4, 5))
        raise RuntimeError("the meta data raised")

    MetaLR(model, optimizer, meta_loss, plain_config(), layer_groups=GROUPS)
    model(torch.randn(6, 5)).sum().backward()
    gradients = [p.grad for p in model.parameters()]
    stream, buffers = torch.get_rng_state(), {k: b.clone() for k, b in model.named_buffers()}
    with pytest.raises(RuntimeError, match="the meta data raised"):
        optimizer.step()
    assert all(p.grad is g for p, g in zip(model.parameters(), gradients, strict=True))
    assert torch.equal(torch.get_rng_state(), stream)
    assert all(torch.equal(b, buffers[k]) for k, b in model.named_buffers())


def test_the_meta_forward_draws_other_random_numbers_than_the_next_training_step() -> None:
    # a forked stream would judge a step with the dropout masks that the next step is about to use
    model = noisy_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    drawn: list[float] = []

    def meta_loss() -> torch.Tensor:
        drawn.append(torch.rand(()).item())
        return model(torch.ones(4, 5)).sum()

    MetaLR(model, optimizer, meta_loss, plain_config(), layer_groups=GROUPS)
    model(torch.randn(6, 5)).sum().backward()
    optimizer.step()
    optimizer.step()
    assert len({*drawn, torch.rand(()).item()}) == 3
