"""Rivals as their authors advise: what their papers and packages say, seen in rates and schedules."""

import importlib.util
import math
from pathlib import Path

import pytest
import torch

from benchmarks.accuracy.grid import read_grid
from benchmarks.accuracy.methods import METHODS
from benchmarks.accuracy.rivals.layer_rates import grouped_adamw
from benchmarks.accuracy.rivals.meta_optimize import _StepSizes
from benchmarks.accuracy.rivals.recipes import falling_by_epoch, rising_then_cosine
from hf_metalr.engine.rates import base_lrs
from hf_metalr.layer_groups import make_layer_groups
from tests.benchmarks.tiny_task import make_task
from tests.trainer.tiny import make_vit, weights

GRIDS = Path(__file__).parents[2] / "benchmarks" / "accuracy" / "grids"


def require(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


def test_meta_optimize_with_a_meta_step_of_0_is_adamw(tmp_path: Path) -> None:
    learner, plain = make_vit(dropout=0.0), make_vit(dropout=0.0)
    METHODS["meta_optimize"](make_task(tmp_path, "meta_optimize", learner, settings={"meta_step": 0.0}))
    METHODS["adamw"](make_task(tmp_path, "adamw", plain))
    assert all(torch.equal(value, weights(learner)[name]) for name, value in weights(plain).items())


def test_meta_optimize_follows_the_sign_of_the_trace_with_the_gradient() -> None:
    """Gradients that stay raise a step size, one that turns lowers it; the first step has no past."""
    network = make_vit(dropout=0.0)
    optimizer = grouped_adamw(network, 1e-3)
    callback = _StepSizes(network, meta_step=0.1, discount=0.5)
    heads = {name for group in make_layer_groups(network) if group.is_head for name in group.parameter_names}
    found, moved = [], []
    for head_sign in (1, 1, -1):
        before = network.classifier.weight.detach().clone()
        for name, parameter in network.named_parameters():
            parameter.grad = torch.full_like(parameter, head_sign if name in heads else 1)
        callback.on_pre_optimizer_step(None, None, None)
        optimizer.step()
        callback.on_optimizer_step(None, None, None, optimizer=optimizer, lr_scheduler=None)
        found.append(base_lrs(optimizer))
        moved.append(network.classifier.weight.detach() - before)
    body = [name for name in found[0] if name != "head"]
    assert [rates["head"] for rates in found] == pytest.approx([1e-3, 1e-3 * math.exp(0.1), 1e-3])
    assert [found[2][name] for name in body] == pytest.approx([1e-3 * math.exp(0.2)] * len(body))
    trace = next(
        h for h, p in zip(callback._traces["head"], network.classifier.parameters(), strict=True) if p.ndim == 2
    )
    torch.testing.assert_close(trace, 0.25 * moved[0] + 0.5 * moved[1] + moved[2])


@pytest.mark.filterwarnings("ignore")  # of the package's own making
def test_gen_s_rate_is_not_put_back_by_a_schedule(tmp_path: Path) -> None:
    require("GeN")
    task = make_task(tmp_path, "gen", rate=1e-4, steps=8, settings={"every": 1, "horizon": False})
    trainer = METHODS["gen"](task)
    rate = trainer.optimizer.param_groups[0]["lr"]
    assert rate != pytest.approx(1e-4)
    assert 0.95**8 <= rate / 1e-4 <= 1.1**8  # nine tenths of the old rate, one tenth of half to twice of it


def test_greedy_lr_sees_every_training_loss_and_no_evaluation(tmp_path: Path) -> None:
    trainer = METHODS["greedy_lr"](make_task(tmp_path, "greedy_lr", settings={"factor": 0.5, "patience": 0}))
    assert trainer.lr_scheduler.last_epoch == 4
    assert trainer.optimizer.param_groups[0]["lr"] != 1e-3


@pytest.mark.parametrize("method", ["lp_ft", "auto_rgn", "layer_decay"])
def test_rivals_by_layer_take_a_schedule(tmp_path: Path, method: str) -> None:
    trainer = METHODS[method](make_task(tmp_path, method, settings={"schedule": "linear"}))
    assert {group["lr"] for group in trainer.optimizer.param_groups} == {0.0}


@pytest.mark.filterwarnings("ignore")  # of the packages' own making
def test_settings_reach_the_packages(tmp_path: Path) -> None:
    require("prodigyopt"), require("prodigyplus"), require("dog")
    for method in ("prodigy", "prodigy_plus"):
        trainer = METHODS[method](make_task(tmp_path, method, rate=None, settings={"d0": 1e-4}))
        assert trainer.optimizer.param_groups[0]["d0"] == 1e-4
    trainer = METHODS["dog"](make_task(tmp_path, "dog", rate=None, settings={"clip": 0.0}))
    assert trainer.args.max_grad_norm == 0.0


def test_autogluon_s_rates_fall_by_a_tenth_from_the_head_and_vectors_do_not_decay(tmp_path: Path) -> None:
    network = make_vit(dropout=0.0)
    trainer = METHODS["autogluon"](make_task(tmp_path, "autogluon", network, rate=None, steps=20))
    rates = base_lrs(trainer.optimizer.optimizer)
    ordered = [rates[group.name] for group in make_layer_groups(network)]
    assert ordered == pytest.approx([1e-4 * 0.9**depth for depth in reversed(range(len(ordered)))])
    decays = {p.ndim > 1: group["weight_decay"] for group in trainer.optimizer.param_groups for p in group["params"]}
    assert decays == {True: 1e-3, False: 0.0}
    assert (trainer.args.max_grad_norm, trainer.args.warmup_steps) == (1.0, 2)


def test_ultralytics_rate_depends_on_the_classes(tmp_path: Path) -> None:
    trainer = METHODS["ultralytics"](make_task(tmp_path, "ultralytics", rate=None))  # three classes
    assert trainer.lr_scheduler.base_lrs[0] == 0.001429
    factor = falling_by_epoch(steps_an_epoch=25, epochs=4)
    assert [factor(step) for step in (0, 30, 74, 75, 99)] == pytest.approx(
        [0, 0.4 * (0.01 + 0.99 * 0.75), 74 / 75 * 0.505, 0.2575, 0.2575]
    )
    assert falling_by_epoch(steps_an_epoch=25, epochs=1)(0) == 1.0


def test_lightly_train_s_short_runs_are_all_warm_up(tmp_path: Path) -> None:
    trainer = METHODS["lightly_train"](make_task(tmp_path, "lightly_train", rate=None))
    assert trainer.lr_scheduler.base_lrs[0] == pytest.approx(1.5e-4)  # batches of 4
    short, long = rising_then_cosine(100, 100), rising_then_cosine(500, 1000)
    assert [short(0), short(99)] == [0.01, 1.0]
    assert [long(499), long(500), long(999)] == pytest.approx([1.0, 1.0, 0.001])


@pytest.mark.parametrize("path", sorted(GRIDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_methods_of_a_grid_exist(path: Path) -> None:
    assert {cell.method for cell in read_grid(path)} <= set(METHODS)
