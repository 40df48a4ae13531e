"""What the engine does at its edges: schedules, bounds, skipped steps, held groups, refusals."""

import math

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
)

from hf_metalr.engine import MetaLR, MetaLRConfig, MetaStep
from tests.engine.problem import LAYER_GROUPS, OPTIMIZERS, loss_on, make_batch, make_model, plain_config, train_step

ESTIMATORS = ["lookahead", "next_batch"]
UPDATES = ["proportional", "log_adam"]
META_BATCH = make_batch(999)


class Run:
    """A model, an optimizer and an engine that records its meta steps."""

    def __init__(self, optimizer: str = "sgd", meta_loss=None, **config) -> None:
        self.model = make_model()
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        self.seen: list[MetaStep] = []
        self.engine = MetaLR(
            self.model,
            self.optimizer,
            meta_loss or (lambda: loss_on(META_BATCH)(self.model)),
            plain_config(**({"max_lr": 1.0} | config)),
            layer_groups=LAYER_GROUPS,
            on_meta_step=self.seen.append,
        )

    def train(self, steps: int, start: int = 0) -> "Run":
        for step in range(start, start + steps):
            train_step(self.model, self.optimizer, step)
            if self.engine.scheduler is not None and not isinstance(self.engine.scheduler, ReduceLROnPlateau):
                self.engine.scheduler.step()
        return self


def test_next_batch_measures_what_a_lookahead_on_the_next_batch_would() -> None:
    # catches: a displacement of the wrong step, a gradient taken after the step
    looked: list[MetaStep] = []
    model = make_model()
    optimizer = OPTIMIZERS["momentum"](model.parameters())
    engine = MetaLR(
        model, optimizer, lambda: loss_on(make_batch(engine.step + 1))(model), plain_config(hyper_lr=0.0, max_lr=1.0),
        layer_groups=LAYER_GROUPS, on_meta_step=looked.append,
    )  # fmt: skip
    for step in range(5):
        train_step(model, optimizer, step)
    late = Run("momentum", estimator="next_batch", hyper_lr=0.0).train(6).seen
    assert [m.step for m in late] == [2, 3, 4, 5, 6]
    for early, after in zip(looked, late, strict=True):
        assert early.hypergradient == pytest.approx(after.hypergradient, rel=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_meta_every_thins_the_meta_steps(estimator: str) -> None:
    assert [m.step for m in Run(estimator=estimator, meta_every=3).train(10).seen] == [3, 6, 9]


SCHEDULES = {
    "warm-up and decay": lambda o: LambdaLR(o, lambda step: min(step / 4, 1.0) * 0.95**step),
    "cosine": lambda o: CosineAnnealingLR(o, T_max=12),
    "one cycle": lambda o: OneCycleLR(
        o, max_lr=[g["lr"] for g in o.param_groups], total_steps=12, cycle_momentum=False
    ),
    "sequence": lambda o: SequentialLR(
        o, [LambdaLR(o, lambda step: 0.5), LambdaLR(o, lambda step: 0.9**step)], milestones=[4]
    ),
}


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_multiplies_the_learned_base_rate(schedule: str, estimator: str) -> None:
    # catches: a scheduler that overwrites the learned rates at its next step
    run = Run("adamw", estimator=estimator, hyper_lr=0.2)
    run.engine.scheduler = SCHEDULES[schedule](run.optimizer)
    bare = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.01)
    bare_schedule: LRScheduler = SCHEDULES[schedule](bare)
    base = bare.param_groups[0]["initial_lr"]
    for step in range(10):
        factor = bare.param_groups[0]["lr"] / base
        run.train(1, start=step)
        if run.seen and run.seen[-1].step == step + 1:
            for name, lr in run.seen[-1].base_lr.items():
                assert run.seen[-1].effective_lr[name] == pytest.approx(lr * factor, rel=1e-9)
        bare.step()
        bare_schedule.step()
    assert len(set(run.engine.learning_rates.values())) == 3


def test_a_plateau_scheduler_owns_the_rate_and_scales_what_was_learned() -> None:
    run = Run("adamw", hyper_lr=0.2)
    run.engine.scheduler = ReduceLROnPlateau(run.optimizer, factor=0.5, patience=0)
    run.train(3)
    learned = run.engine.learning_rates
    run.engine.scheduler.step(1.0)
    run.engine.scheduler.step(2.0)
    assert run.engine.learning_rates == pytest.approx({name: lr / 2 for name, lr in learned.items()})


def test_a_scheduler_that_the_engine_does_not_know_is_an_error() -> None:
    run = Run()
    LambdaLR(run.optimizer, lambda step: 1.0)
    with pytest.raises(ValueError, match=r"engine\.scheduler = scheduler"):
        run.train(1)


def test_a_scheduler_made_before_the_engine_keeps_working() -> None:
    # its per-group lists are as long as the groups were before the split
    model = make_model()
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    scheduler = LambdaLR(optimizer, lambda step: 0.5**step)
    engine = MetaLR(
        model, optimizer, lambda: loss_on(META_BATCH)(model), plain_config(hyper_lr=0.0, max_lr=1.0),
        layer_groups=LAYER_GROUPS, scheduler=scheduler,
    )  # fmt: skip
    train_step(model, optimizer, 0)
    scheduler.step()
    assert engine.learning_rates == dict.fromkeys(("stem", "block", "head"), 0.05)
    assert [group["lr"] for group in optimizer.param_groups] == [0.025] * 3


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_meta_loss_that_is_not_finite_moves_nothing_and_is_counted(bad: float) -> None:
    moved, skipped = (
        Run(hyper_lr=0.0),
        Run(hyper_lr=0.5, meta_loss=lambda: sum(p.sum() for p in skipped.model.parameters()) * bad),
    )
    moved.train(3)
    skipped.train(3)
    assert skipped.engine.skipped == 3
    assert all(m.skipped == "not finite" and set(m.hypergradient.values()) == {None} for m in skipped.seen)
    assert skipped.engine.learning_rates == dict.fromkeys(("stem", "block", "head"), 0.05)
    for parameter, expected in zip(skipped.model.parameters(), moved.model.parameters(), strict=True):
        assert torch.equal(parameter, expected)


def test_an_infinite_meta_loss_with_finite_gradients_is_skipped_too() -> None:
    run = Run(meta_loss=lambda: loss_on(META_BATCH)(run.model) + math.inf)
    assert run.train(2).engine.skipped == 2


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_one_bad_batch_does_not_hold_a_rate_down(estimator: str) -> None:
    # the raw proportional rule would send the rate to its floor at once and need hundreds of steps to return
    run = Run(estimator=estimator, lr_update="proportional", hyper_lr=0.5).train(5)
    before = run.engine.learning_rates
    run.optimizer.zero_grad()
    inputs, labels = make_batch(77)
    (loss_on((inputs * 1e4, 2 - labels))(run.model) * 1e6).backward()
    run.optimizer.step()
    after = run.engine.learning_rates
    assert all(before[name] / 2 <= after[name] <= before[name] * 2 for name in before)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_held_groups_keep_their_rate(estimator: str) -> None:
    run = Run(estimator=estimator)
    run.engine.held_groups = ["head"]
    run.train(4)
    assert run.engine.learning_rates["head"] == 0.05 != run.engine.learning_rates["stem"]
    run.engine.held_groups = []
    run.train(2, start=4)
    assert run.engine.learning_rates["head"] != 0.05


def test_a_group_without_gradient_and_a_rate_of_zero_stay_where_they_are() -> None:
    model = make_model()
    body, head = [*model[0].parameters(), *model[2].parameters()], list(model[4].parameters())
    optimizer = torch.optim.SGD([{"params": body}, {"params": head, "lr": 0.0}], lr=0.05)
    config = plain_config(max_lr=1.0)
    engine = MetaLR(model, optimizer, lambda: loss_on(META_BATCH)(model), config, layer_groups=LAYER_GROUPS)
    model[2].requires_grad_(False)
    for step in range(3):
        train_step(model, optimizer, step)
    assert engine.learning_rates["block"] == 0.05
    assert engine.learning_rates["head"] == 0.0
    assert engine.learning_rates["stem"] != 0.05


@pytest.mark.parametrize(
    "settings",
    [
        *({"estimator": estimator, "lr_update": update} for estimator in ESTIMATORS for update in UPDATES),
        {"estimator": "next_batch", "horizon": 3, "hyper_lr_decay": 4.0},
    ],
    ids=str,
)
def test_a_run_restored_from_its_state_equals_the_straight_run(settings: dict) -> None:
    # catches: lost moments, a lost pending displacement, a meta step counter that starts again
    def start() -> Run:
        return Run("adamw", hyper_lr=0.1, **settings)

    straight = start().train(9)
    first = start().train(5)
    resumed = start()
    resumed.model.load_state_dict(first.model.state_dict())
    resumed.optimizer.load_state_dict(first.optimizer.state_dict())
    resumed.engine.load_state_dict(first.engine.state_dict())
    resumed.train(4, start=5)
    assert resumed.engine.learning_rates == straight.engine.learning_rates
    assert first.seen + resumed.seen == straight.seen
    for parameter, expected in zip(resumed.model.parameters(), straight.model.parameters(), strict=True):
        assert torch.equal(parameter, expected)


def test_a_state_of_another_kind_is_refused() -> None:
    state = Run(estimator="next_batch").train(2).engine.state_dict()
    with pytest.raises(ValueError, match="estimator='next_batch'"):
        Run(estimator="lookahead").engine.load_state_dict(state)
    state = Run().train(2).engine.state_dict() | {"layer_groups": ["stem", "head"]}
    with pytest.raises(ValueError, match="layer_groups"):
        Run().engine.load_state_dict(state)


def test_detached_hooks_stop_learning() -> None:
    run = Run().train(2)
    run.engine.detach()
    rates = run.engine.learning_rates
    run.train(2, start=2)
    assert run.engine.learning_rates == rates
    assert len(run.seen) == 2


def test_learned_rates_stay_python_floats() -> None:
    run = Run("adamw", estimator="next_batch").train(4)
    assert all(type(lr) is float for lr in run.engine.learning_rates.values())
    assert all(type(group["lr"]) is float for group in run.optimizer.param_groups)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"estimator": "look_ahead"}, "`estimator` must be one of 'lookahead', 'next_batch'; found 'look_ahead'"),
        ({"lr_update": "sgd"}, "`lr_update` must be one of"),
        ({"hyper_lr": -0.1}, r"`hyper_lr` must lie in \[0, 100\]; found -0.1"),
        ({"hyper_lr": math.nan}, "`hyper_lr` must lie"),
        ({"meta_every": 0}, "`meta_every` must be an integer of at least 1"),
        ({"min_lr": 1e-2, "max_lr": 1e-3}, "0 < min_lr <= max_lr"),
        ({"min_lr": 0.0}, "0 < min_lr <= max_lr"),
        ({"max_lr_change": 1.0}, "`max_lr_change` must be above 1"),
        ({"horizon": 0}, "`horizon` must be an integer of at least 1"),
        ({"horizon": 5, "estimator": "lookahead"}, "`horizon` above 1 needs estimator='next_batch'"),
        (
            {"horizon": 5, "lr_update": "proportional"},
            "found horizon=5 with 'next_batch', 'proportional' and 1",
        ),
        ({"horizon": 5, "meta_every": 2}, "found horizon=5 with 'next_batch', 'log_adam' and 2"),
        (
            {"hyper_lr_decay": 20, "lr_update": "proportional"},
            "`hyper_lr_decay` must be above 0 .* needs lr_update='log_adam'",
        ),
        ({"hyper_lr_decay": 0.0}, "`hyper_lr_decay` must be above 0"),
        ({"trust_region": "no"}, "`trust_region` must be True or False; found 'no'"),
    ],
)
def test_settings_out_of_range_are_refused_in_words(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MetaLRConfig(**settings)


@pytest.mark.parametrize("kind", [torch.optim.LBFGS, torch.optim.Rprop, torch.optim.ASGD])
def test_optimizers_that_do_not_scale_with_the_rate_are_refused(kind: type) -> None:
    model = make_model()
    with pytest.raises(ValueError, match="not proportional to the learning rate"):
        MetaLR(model, kind(model.parameters()), lambda: loss_on(META_BATCH)(model))


def test_a_rate_outside_the_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match=r"learning rate 0\.05 of layer group 'stem' lies outside"):
        Run(max_lr=1e-2)


def test_rates_that_differ_within_a_layer_group_are_refused() -> None:
    model = make_model()
    weights = [p for p in model.parameters() if p.ndim > 1]
    biases = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.SGD([{"params": weights, "lr": 1e-3}, {"params": biases, "lr": 1e-4}])
    with pytest.raises(ValueError, match=r"in group 'stem' the optimizer has 0\.001 and 0\.0001"):
        MetaLR(model, optimizer, lambda: loss_on(META_BATCH)(model), layer_groups=LAYER_GROUPS)


def test_a_lookahead_without_meta_loss_is_refused() -> None:
    model = make_model()
    with pytest.raises(ValueError, match="`meta_loss` must be a function"):
        MetaLR(model, OPTIMIZERS["sgd"](model.parameters()), config=MetaLRConfig(estimator="lookahead"))
