"""The initial rates of SGD, which the first gradient tells."""

import math
from copy import deepcopy

import pytest
import torch
from torch import nn

from hf_metalr import UNSTATED, MetaLR, MetaLRConfig
from hf_metalr.engine.first_gradient import MOST_TIMES_MEDIAN, rates_of_first_gradient
from hf_metalr.engine.trust_region import weight_region


def _model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(40, 80), nn.Tanh(), nn.Linear(80, 200), nn.Tanh(), nn.Linear(200, 2))


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, loss_scale: float = 1.0) -> None:
    optimizer.zero_grad()
    torch.manual_seed(1)
    (loss_scale * model(torch.randn(8, 40)).square().mean()).backward()
    optimizer.step()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_in_the_long_run_a_steady_gradient_moves_weights_by_what_they_bear(momentum: float) -> None:
    model = _model()
    optimizer = torch.optim.SGD(model.parameters(), lr=UNSTATED, momentum=momentum)
    engine = MetaLR(model, optimizer, config=MetaLRConfig(hyper_lr=1e-9))
    region = weight_region(model, engine.layer_groups, engine.config)
    _step(model, optimizer)
    for group in engine.layer_groups:
        gradients = torch.cat([model.get_parameter(name).grad.flatten() for name in group.parameter_names])
        step = engine.learning_rates[group.name] * gradients.square().mean().sqrt().item() / (1 - momentum)
        assert step == pytest.approx(region[group.name].high, rel=1e-5)


def test_the_scale_of_the_loss_makes_no_difference_to_the_first_step() -> None:
    # catches: one rate for all losses, which is what a stated one is
    models = [_model(), _model()]
    for model, scale in zip(models, (1.0, 1e3), strict=True):
        optimizer = torch.optim.SGD(model.parameters(), lr=UNSTATED)
        MetaLR(model, optimizer)
        _step(model, optimizer, scale)
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_scheduler_and_the_bounds_follow_the_rates_that_were_chosen() -> None:
    model = _model()
    optimizer = torch.optim.SGD(model.parameters(), lr=UNSTATED)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 4)
    engine = MetaLR(model, optimizer, scheduler=scheduler)
    assert all(type(group["lr"]) is float for group in optimizer.param_groups)
    _step(model, optimizer, 1e-2)
    rates = engine.learning_rates
    assert min(rates.values()) > 1e-2  # beyond the bounds of a start at 5e-5
    assert engine.first_lrs == rates
    assert scheduler.base_lrs == pytest.approx([rates[group["layer_group"]] for group in optimizer.param_groups])
    assert engine.wide_bounds.high == pytest.approx(10 * max(rates.values()))
    for _ in range(3):
        scheduler.step()
        _step(model, optimizer, 1e-2)


def test_a_rate_that_is_stated_stays() -> None:
    model = _model()
    optimizer = torch.optim.SGD(model.parameters(), lr=3e-3)
    engine = MetaLR(model, optimizer)
    _step(model, optimizer)
    assert engine.first_gradient.chosen == {}
    assert set(engine.learning_rates.values()) == {3e-3}


def test_without_a_trust_region_nothing_is_chosen() -> None:
    model = _model()
    optimizer = torch.optim.SGD(model.parameters(), lr=UNSTATED)
    engine = MetaLR(model, optimizer, config=MetaLRConfig(trust_region=False))
    _step(model, optimizer)
    assert set(engine.learning_rates.values()) == {5e-5}


def test_a_resumed_run_chooses_nothing_again() -> None:
    model = _model()
    optimizer = torch.optim.SGD(model.parameters(), lr=UNSTATED)
    engine = MetaLR(model, optimizer)
    _step(model, optimizer)
    again = _model()
    resumed_optimizer = torch.optim.SGD(again.parameters(), lr=UNSTATED)
    resumed = MetaLR(again, resumed_optimizer)
    resumed_optimizer.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(engine.state_dict())
    rates = resumed.learning_rates
    _step(again, resumed_optimizer, 1e3)
    assert resumed.first_gradient.chosen == {}
    assert all(0.5 <= resumed.learning_rates[name] / lr <= 2 for name, lr in rates.items())  # one meta step


def test_a_resumed_run_goes_on_like_one_that_was_not_interrupted() -> None:
    # catches: bounds of a start at 5e-5 in the resumed run, by which every layer seems to have a region, and drifts
    config = MetaLRConfig(common_share=0.5, upward_drift=0.5)
    model = _model()
    optimizer = torch.optim.SGD(model.parameters(), lr=UNSTATED)
    engine = MetaLR(model, optimizer, config=config)
    for _ in range(2):
        _step(model, optimizer)
    again = _model()
    again.load_state_dict(model.state_dict())
    resumed_optimizer = torch.optim.SGD(again.parameters(), lr=UNSTATED)
    resumed = MetaLR(again, resumed_optimizer, config=config)
    state, optimizer_state = deepcopy((engine.state_dict(), optimizer.state_dict()))
    resumed_optimizer.load_state_dict(optimizer_state)
    resumed.load_state_dict(state)
    for _ in range(2):
        _step(model, optimizer)
        _step(again, resumed_optimizer)
    assert resumed.groups_in_region == engine.groups_in_region == []
    assert resumed.wide_bounds == engine.wide_bounds
    assert resumed.learning_rates == engine.learning_rates


def test_layers_without_a_sound_gradient_take_the_median_of_the_others() -> None:
    model = _model()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    names = list(MetaLR(model, optimizer).learning_rates)
    squares = dict(zip(names, (1.0, 0.0, math.inf), strict=True))
    found = rates_of_first_gradient(optimizer, squares, dict.fromkeys(names, 1e-3))
    assert len(set(found.values())) == 1
    assert rates_of_first_gradient(optimizer, dict.fromkeys(names, 0.0), dict.fromkeys(names, 1e-3)) == {}


def test_a_layer_with_hardly_a_gradient_has_no_endless_rate() -> None:
    # catches: a branch that starts at nothing, which blows up as soon as its gradient grows
    model = _model()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    first, second, head = MetaLR(model, optimizer).learning_rates
    squares = {first: 1.0, second: 1.0, head: 1e-30}
    found = rates_of_first_gradient(optimizer, squares, dict.fromkeys(squares, 1e-3))
    assert found[head] == pytest.approx(MOST_TIMES_MEDIAN * sorted(found.values())[1])
