"""Two real gloo processes under DDP learn what one process learns from the same global batch."""

from pathlib import Path

import pytest
import torch

from tests.parallel.launch import launch

ESTIMATORS = ["lookahead", "next_batch"]
COMMON = {"lr_update": "log_adam", "max_steps": 8, "hyper_lr": 0.1}


def assert_equivalent(one: list[dict], two: list[dict], rel: float = 1e-5) -> None:
    first, second = two
    assert first["wrapped"] == "DistributedDataParallel"
    assert first["learning_rates"] == second["learning_rates"]  # bit for bit
    for name, weight in first["weights"].items():
        assert torch.equal(weight, second["weights"][name]), name
    assert first["learning_rates"] == pytest.approx(one[0]["learning_rates"], rel=rel)
    assert len(set(first["learning_rates"].values())) > 3


def launch_both(tmp_path: Path, batch: int, meta_batch: int | None, **settings) -> tuple[list[dict], list[dict]]:
    """The same run on one process and on two, with the same global batches."""
    results = []
    for processes in (1, 2):
        sizes = {"per_device_train_batch_size": batch // processes}
        if meta_batch is not None:
            sizes["meta_batch_size"] = meta_batch // processes
        run = settings | sizes
        if processes == 2:
            run.pop("repeat_first", None)
        results.append(launch(tmp_path / str(processes), processes, **(COMMON | run)))
    return results[0], results[1]


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("lr_update", ["log_adam", "proportional"])
def test_two_processes_learn_the_rates_of_one(tmp_path: Path, estimator: str, lr_update: str) -> None:
    # catches: rates from one rank's meta batch, a sum in place of a mean, norms that differ between ranks
    meta_batch = 8 if estimator == "lookahead" else None
    one, two = launch_both(tmp_path, 8, meta_batch, meta_estimator=estimator, lr_update=lr_update)
    assert_equivalent(one, two)
    meta_steps = 8 if estimator == "lookahead" else 7
    for rank in two:  # one all-reduce of one scalar per layer group, and nothing else
        assert rank["all_reduces"] == [rank["group_count"]] * meta_steps


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_accumulation_and_a_meta_set_that_does_not_divide(tmp_path: Path, estimator: str) -> None:
    looks = {"meta_size": 7} if estimator == "lookahead" else {}
    meta_batch = 8 if estimator == "lookahead" else None
    settings = {"meta_estimator": estimator, "gradient_accumulation_steps": 2, "meta_every": 2}
    assert_equivalent(*launch_both(tmp_path, 4, meta_batch, **settings, **looks))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_uneven_last_batch(tmp_path: Path, estimator: str) -> None:
    # accelerate fills the second rank's last batch with the epoch's first samples; one process gets them by hand
    settings = {"meta_estimator": estimator, "train_size": 44, "repeat_first": 4, "train_sampling_strategy": "sequential"}
    settings |= {"meta_size": 24} if estimator == "lookahead" else {}
    meta_batch = 8 if estimator == "lookahead" else None
    assert_equivalent(*launch_both(tmp_path, 8, meta_batch, **settings))


def test_one_bad_rank_makes_all_ranks_skip(tmp_path: Path) -> None:
    # catches: a rank that skips alone, after which rates and weights part
    first, second = launch(tmp_path, 2, **COMMON, poisoned_rank=1)
    assert first["skipped"] == second["skipped"] == 8
    assert set(first["learning_rates"].values()) == {1e-3}
    assert all(torch.equal(weight, second["weights"][name]) for name, weight in first["weights"].items())
