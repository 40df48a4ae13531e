"""Two real gloo processes under DDP learn what one process learns from the same global batches."""

from typing import Any

import pytest
import torch

from tests.parallel.launch import launch

pytestmark = pytest.mark.xdist_group("ddp")  # one worker makes what these tests share

# name -> settings with *global* batch sizes, which are divided by the number of processes
SCENARIOS: dict[str, dict[str, Any]] = {
    f"{estimator} {case}": {"lr_update": "log_adam", "max_steps": 8, "hyper_lr": 0.1, "meta_estimator": estimator}
    | settings
    | ({"meta_batch_size": 8} | looks if estimator == "lookahead" else {})
    for estimator in ("lookahead", "next_batch")
    for case, settings, looks in (
        ("log_adam", {"per_device_train_batch_size": 8}, {}),
        # the body starts inside its region, the head at an end of its own
        ("trust region", {"per_device_train_batch_size": 8, "trust_region": True, "learning_rate": 2e-5}, {}),
        ("proportional", {"per_device_train_batch_size": 8, "lr_update": "proportional"}, {}),
        # a meta set of 7 does not divide by anything here
        (
            "accumulation",
            {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "meta_every": 2},
            {"meta_size": 7},
        ),
        # accelerate fills the second rank's last batch with the epoch's first samples; one process gets them by hand
        (
            "uneven last batch",
            {
                "per_device_train_batch_size": 8,
                "train_size": 44,
                "repeat_first": 4,
                "in_order": True,
            },
            {"meta_size": 24},
        ),
    )
}
POISONED = {"poisoned": {"lr_update": "log_adam", "max_steps": 4, "poisoned_rank": 1}}
# a model whose loss heeds the item count, and one whose loss ignores it
MASKED = {
    model: {
        "model": model,
        "meta_estimator": "off",
        "per_device_train_batch_size": 2,
        "in_order": True,
        "max_steps": 2,
    }
    for model in ("gpt2", "bert")
}
REPORTED = {"reported": {"max_steps": 2, "report_transferability": True}}


def shared_out(settings: dict[str, Any], processes: int) -> dict[str, Any]:
    shared = {
        key: value // processes if key in ("per_device_train_batch_size", "meta_batch_size") else value
        for key, value in settings.items()
    }
    return shared if processes == 1 else {key: value for key, value in shared.items() if key != "repeat_first"}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, list[dict[str, Any]]]]:
    """Processes -> scenario -> one result per rank."""
    folder = tmp_path_factory.mktemp("ddp")
    return {
        processes: launch(
            folder / str(processes),
            processes,
            {name: shared_out(settings, processes) for name, settings in SCENARIOS.items()}
            | (POISONED | REPORTED | MASKED if processes == 2 else {}),
        )
        for processes in (1, 2)
    }


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_two_processes_learn_the_rates_of_one(results, scenario: str) -> None:
    # catches: rates from one rank's meta batch, a sum in place of a mean, norms that differ between ranks
    (one,), (first, second) = results[1][scenario], results[2][scenario]
    assert first["wrapped"] == "DistributedDataParallel"
    assert first["learning_rates"] == second["learning_rates"]  # bit for bit
    for name, weight in first["weights"].items():
        assert torch.equal(weight, second["weights"][name]), name
    assert first["learning_rates"] == pytest.approx(one["learning_rates"], rel=1e-5)
    assert len(set(first["learning_rates"].values())) > 3


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_meta_step_costs_one_all_reduce_of_one_scalar_per_layer_group(results, scenario: str) -> None:
    meta_steps = 8 // SCENARIOS[scenario].get("meta_every", 1) - (scenario.startswith("next") and "acc" not in scenario)
    for rank in results[2][scenario]:
        assert rank["all_reduces"] == [rank["group_count"]] * meta_steps


@pytest.mark.parametrize("estimator", ["lookahead", "next_batch"])
def test_processes_share_their_trust_region_and_the_main_one_tells_of_it(results, estimator: str) -> None:
    # catches: bounds of a process's own, one line per process
    (one,), (first, second) = (results[processes][f"{estimator} trust region"] for processes in (1, 2))
    assert first["lr_bounds"] == second["lr_bounds"] == one["lr_bounds"]
    assert [len(rank["warnings"]) for rank in (one, first, second)] == [1, 1, 0]
    assert "(trust_region)" in first["warnings"][0]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_cost_is_measured_on_every_process(results, scenario: str) -> None:
    for rank in results[2][scenario]:
        assert 0 < rank["metalr_seconds"] < rank["train_seconds"]


def test_one_bad_rank_makes_all_ranks_skip(results) -> None:
    # catches: a rank that skips alone, after which rates and weights part
    first, second = results[2]["poisoned"]
    assert first["skipped"] == second["skipped"] == 4
    assert set(first["learning_rates"].values()) == {1e-3}
    assert all(torch.equal(weight, second["weights"][name]) for name, weight in first["weights"].items())


def test_accelerate_launch_is_the_same_run(results, tmp_path) -> None:
    # catches: a launch that silently runs one process (`launch` asserts the world size), or trains unconnected
    name = "lookahead log_adam"
    launched = launch(tmp_path, 2, {name: shared_out(SCENARIOS[name], 2)}, accelerate=True)[name]
    assert [rank["learning_rates"] for rank in launched] == [rank["learning_rates"] for rank in results[2][name]]
    assert launched[0]["wrapped"] == "DistributedDataParallel"


def test_the_main_process_alone_reports_the_transferability(results) -> None:
    first, second = results[2]["reported"]
    assert (first["reported"], second["reported"]) == (True, False)
    assert all(torch.equal(weight, second["weights"][name]) for name, weight in first["weights"].items())


@pytest.mark.parametrize(("model", "heeds"), [("gpt2", True), ("bert", False)])
def test_processes_agree_on_the_item_count_where_one_has_no_labels(results, model: str, heeds: bool) -> None:
    # catches: a process that decides for itself, after which the others wait for its count without end
    assert [rank["heeds_item_count"] for rank in results[2][model]] == [heeds, heeds]
