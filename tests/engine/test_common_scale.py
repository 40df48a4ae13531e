"""The scale that all rates have in common, and the drift under schedules that decay."""

import math

import pytest
import torch
from torch import nn

from hf_metalr import UNSTATED, MetaLR, MetaLRConfig
from hf_metalr.engine.measurement import Measurement
from hf_metalr.engine.rules import LogAdamRule
from hf_metalr.equations import Bounds, Moments, log_adam_update


def _measured(**agreements: float) -> dict[str, Measurement]:
    return {name: Measurement(agreement, 1.0, 1.0, 1.0) for name, agreement in agreements.items()}


def test_without_a_common_share_every_layer_moves_by_its_own_evidence() -> None:
    rule, moments = LogAdamRule(0.1), Moments()
    lrs = {"a": 1e-3, "b": 1e-3}
    for agreement in (-0.3, 0.1, -0.2):
        lrs = rule.propose(lrs, _measured(a=agreement, b=0.5))
    expected = 1e-3
    for agreement in (-0.3, 0.1, -0.2):
        expected, moments = log_adam_update(expected, agreement, 0.1, moments)
    assert lrs["a"] == pytest.approx(expected, rel=1e-12)


def test_with_the_whole_share_the_proportions_between_layers_stay() -> None:
    lrs = LogAdamRule(0.1, common_share=1.0).propose({"a": 1e-3, "b": 4e-3}, _measured(a=-0.9, b=0.1))
    assert lrs["b"] / lrs["a"] == pytest.approx(4.0)
    assert lrs["a"] == pytest.approx(1e-3 * math.exp(0.1))  # the mean, -0.4, asks for more


def test_a_layer_without_a_sign_of_its_own_follows_the_others() -> None:
    rule, lrs = LogAdamRule(0.2, common_share=0.5), {"a": 1e-3, "b": 1e-3, "noise": 1e-3}
    for step in range(20):
        lrs = rule.propose(lrs, _measured(a=-0.2, b=-0.2, noise=0.2 * (-1) ** step))
    assert lrs["noise"] > 3e-3
    assert lrs["a"] > lrs["noise"]  # which has its own evidence besides


def test_the_share_s_moments_are_saved_and_restored() -> None:
    one, other = (LogAdamRule(0.1, common_share=0.5) for _ in range(2))
    lrs = one.propose({"a": 1e-3, "b": 1e-3}, _measured(a=-0.3, b=0.2))
    other.load_state_dict(one.state_dict())
    assert other.propose(lrs, _measured(a=0.1, b=0.2)) == one.propose(lrs, _measured(a=0.1, b=0.2))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_under_a_drift_rates_fall_only_on_clear_evidence(share: float) -> None:
    # At the first step n = m̂/√v̂ is the sign of the agreement.
    rule = LogAdamRule(0.1, common_share=share, upward_drift=0.5)
    rule.region = {"a": Bounds(1e-6, 1.0)}
    lrs = rule.propose({"a": 1e-3, "free": 1e-3}, _measured(a=0.3, free=0.3))
    assert lrs["a"] == pytest.approx(1e-3 * math.exp(-0.05))
    assert lrs["free"] == pytest.approx(1e-3 * math.exp(-0.1))


def test_rates_without_a_region_do_not_drift() -> None:
    # catches: a rate without a bound of its weights that climbs to max_lr whatever the gradients say
    model = _model()
    config = MetaLRConfig(upward_drift=0.5, hyper_lr=1e-6)
    for optimizer, drifts in (
        (torch.optim.AdamW(model.parameters(), lr=1e-4), True),
        (torch.optim.SGD(model.parameters(), lr=1e-4), False),
    ):
        engine = MetaLR(model, optimizer, config=config)
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(8, 40)).square().sum().backward()
            optimizer.step()
        assert (set(engine._rule.region) == set(engine.learning_rates)) is drifts
        assert bool(engine._rule.region) is drifts
        engine.detach()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"common_share": 1.5}, "common_share.*must lie in"),
        ({"common_share": 0.5, "lr_update": "proportional"}, "log_adam"),
        ({"upward_drift": -0.1}, "upward_drift.*must lie in"),
        ({"upward_drift": 0.5, "lr_update": "proportional"}, "log_adam"),
    ],
)
def test_shares_and_drifts_out_of_range_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MetaLRConfig(**settings)


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(40, 80), nn.Tanh(), nn.Linear(80, 200), nn.Tanh(), nn.Linear(200, 2))


def test_a_bare_loop_leaves_the_rate_unstated_too() -> None:
    model = _model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=UNSTATED)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 10)
    engine = MetaLR(model, optimizer, scheduler=scheduler)
    assert engine.learning_rates == {name: bounds.high for name, bounds in engine.lr_bounds.items()}
    assert scheduler.base_lrs == [group["lr"] for group in optimizer.param_groups]
    assert all(type(group["lr"]) is float for group in optimizer.param_groups)


def test_only_what_was_left_unstated_is_chosen() -> None:
    model = _model()
    groups = [
        {"params": model[0].parameters(), "lr": 1.5e-4},
        {"params": [*model[2].parameters(), *model[4].parameters()]},
    ]
    engine = MetaLR(model, torch.optim.AdamW(groups, lr=UNSTATED))
    first, *others = engine.learning_rates.items()
    assert first[1] == engine.lr_bounds[first[0]].clip(1.5e-4)
    assert all(lr == engine.lr_bounds[name].high for name, lr in others)


def test_no_rate_can_be_chosen_for_an_optimizer_of_another_kind() -> None:
    model = _model()
    engine = MetaLR(model, torch.optim.RMSprop(model.parameters(), lr=UNSTATED))
    assert set(engine.learning_rates.values()) == {5e-5}


def test_layers_that_join_later_start_at_chosen_rates_too() -> None:
    model = _model()
    optimizer = torch.optim.AdamW(model[4].parameters(), lr=UNSTATED)
    engine = MetaLR(model, optimizer)
    optimizer.add_param_group({"params": [*model[2].parameters()]})
    model(torch.randn(4, 40)).sum().backward()
    optimizer.step()
    (joined,) = set(engine.first_lrs) - {"head"}
    assert engine.first_lrs[joined] == engine.lr_bounds[joined].high
