"""Passes are counted wherever they happen, and only while they are asked for."""

import importlib.util
from pathlib import Path

import pytest
import torch

from benchmarks.accuracy.methods import METHODS
from benchmarks.accuracy.passes import counted_passes
from tests.benchmarks.tiny_task import make_task

LEARNED = {"meta_estimator": "lookahead", "meta_every": 2}


@pytest.mark.parametrize(
    ("method", "settings", "forwards", "backwards"),
    [
        ("adamw", {}, 4, 4),
        ("lp_ft", {}, 4, 4),  # two steps of the probe are two of the four
        ("released", {}, 8, 8),
        ("metalr", LEARNED, 6, 6),
        ("replay", {"meta_estimator": "next_batch"}, 8, 8),  # the first run, on a copy of the network, is not free
    ],
)
def test_every_pass_counts(tmp_path: Path, method: str, settings: dict, forwards: int, backwards: int) -> None:
    task = make_task(tmp_path, method, settings=settings)
    with counted_passes(task.network) as passes:
        METHODS[method](task)
    assert (passes.forwards, passes.backwards) == (forwards, backwards)


@pytest.mark.filterwarnings("ignore")  # of the package's own making
def test_passes_without_gradients_count_as_forwards_alone(tmp_path: Path) -> None:
    if importlib.util.find_spec("GeN") is None:
        pytest.skip("gen-optim is not installed")
    task = make_task(tmp_path, "gen", settings={"every": 2})
    with counted_passes(task.network) as passes:
        METHODS["gen"](task)
    assert (passes.forwards, passes.backwards) == (4 + 2 * 3, 4)


def test_a_pass_in_evaluation_mode_counts(tmp_path: Path) -> None:
    task = make_task(tmp_path, "adamw")
    batch = {name: torch.as_tensor(value)[None] for name, value in task.train[0].items()}
    with counted_passes(task.network) as passes:
        task.network.eval()(**batch)
    assert (passes.forwards, passes.backwards) == (1, 0)


def test_an_evaluation_afterwards_does_not_count(tmp_path: Path) -> None:
    task = make_task(tmp_path, "adamw")
    with counted_passes(task.network) as passes:
        trainer = METHODS["adamw"](task)
    trainer.evaluate(task.train)
    assert passes.forwards == 4
