"""Bounds that were not given follow the start; those that were given and contradict it are an error."""

import pytest
import torch

from hf_metalr.engine import MetaLR, MetaLRConfig
from tests.engine.problem import LAYER_GROUPS, make_model, train_step


def attach(start: float | list[float], kind: type = torch.optim.SGD, **config) -> MetaLR:
    model = make_model()
    starts = [start] * 3 if isinstance(start, float) else start
    parameters = dict(model.named_parameters())
    groups = [
        {"params": [parameters[name] for name in group.parameter_names], "lr": lr}
        for group, lr in zip(LAYER_GROUPS, starts, strict=True)
    ]
    return MetaLR(model, kind(groups, lr=1e-3), config=MetaLRConfig(**config), layer_groups=LAYER_GROUPS)


def bounds(engine: MetaLR) -> tuple[float, float]:
    (found,) = set(engine.lr_bounds.values())
    return found.low, found.high


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (1e-2, (1e-6, 1e-2)),  # at the ends of the paper's range, the paper's range
        (1e-6, (1e-6, 1e-2)),
        (0.1, (1e-6, 1.0)),
        (1.0, (1e-6, 10.0)),
        (1e-9, (1e-12, 1e-2)),
        ([1e-8, 1e-3, 0.5], (1e-11, 5.0)),
        ([0.0, 1e-3, 1e-3], (1e-6, 1e-2)),
    ],
)
def test_bounds_that_were_not_given_follow_the_start(start, expected) -> None:
    assert bounds(attach(start)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("start", [1e-9, 0.1, 1.0])
@pytest.mark.parametrize("estimator", ["next_batch"])
def test_a_start_far_off_learns(start: float, estimator: str) -> None:
    engine = attach(start, estimator=estimator)
    for step in range(8):
        train_step(engine.model, engine.optimizer, step)
    assert all(lr != start for lr in engine.learning_rates.values())


@pytest.mark.parametrize("start", [1e-9, 1.0])
def test_the_trust_region_still_moves_a_start_of_adams_kind(start: float) -> None:
    engine = attach(start, torch.optim.AdamW)
    assert engine.moved_at_start == dict.fromkeys(("stem", "block", "head"), start)
    usual = attach(1e-3, torch.optim.AdamW)
    assert engine.lr_bounds["stem"] == usual.lr_bounds["stem"]


@pytest.mark.parametrize(
    ("start", "given", "message"),
    [
        (0.1, {"max_lr": 1e-2}, r"`max_lr` is 0\.01, and the learning rate 0\.1 .* or leave `max_lr` out"),
        (1e-9, {"min_lr": 1e-8}, r"`min_lr` is 1e-08, and the learning rate 1e-09"),
        (float("inf"), {}, "must be finite"),
    ],
)
def test_bounds_that_contradict_the_start_are_refused(start: float, given: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attach(start, **given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"min_lr": 1e-4}, (1e-4, 1e-2)),
        ({"min_lr": 2e-2}, (2e-2, 1.0)),
        ({"max_lr": 0.5}, (1e-6, 0.5)),
        ({"min_lr": 0.1, "max_lr": 0.1}, (0.1, 0.1)),
    ],
)
def test_one_bound_given_leaves_the_other_to_the_start(given: dict, expected: tuple) -> None:
    start = 1e-3 if given == {"min_lr": 1e-4} else 0.1
    assert bounds(attach(start, **given)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("start", [1e-9, 1e-3, 1.0])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_a_resumed_run_has_the_very_bounds(kind: type, start: float) -> None:
    # catches: bounds that follow the rates that were learned since
    first = attach(start, kind)
    for step in range(6):
        train_step(first.model, first.optimizer, step)
    resumed = attach(start, kind)
    resumed.model.load_state_dict(first.model.state_dict())
    resumed.optimizer.load_state_dict(first.optimizer.state_dict())
    resumed.load_state_dict(first.state_dict())
    assert resumed.lr_bounds == first.lr_bounds
