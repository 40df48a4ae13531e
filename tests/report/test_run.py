"""What an output folder tells about its run, and what is refused or passed over."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hf_metalr.hub import LEARNED_RATES_NAME, LayerRate, LearnedRates
from hf_metalr.report import build_report, read_run
from hf_metalr.transferability.profile import TransferabilityProfile
from tests.plotting.histories import full_history
from tests.report.page import Page, layer


def write_run(folder: Path, groups: int = 4, steps: int = 6) -> list:
    rows = full_history(groups, steps)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metalr_history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


def learned(rows: list, heads: Sequence[str] = ("head",), first_lr: float = 2e-4, **facts: Any) -> LearnedRates:
    groups = [LayerRate(name, name in heads, False, 10, first_lr, lr, lr) for name, lr in rows[-1]["base_lr"].items()]
    return LearnedRates(tuple(groups), "next_batch", "log_adam", "AdamW", len(rows), 7, **facts)


def test_a_folder_tells_its_run(tmp_path) -> None:
    rows = write_run(tmp_path / "demo")
    folder = tmp_path / "demo"
    learned(
        rows,
        heads=["layer.1"],
        model_class="ViTForImageClassification",
        dataset_name="X-rays",
        results={"test": {"auroc": 0.95}},
        settings={"hyper_lr": 0.03, "trust_region": True, "nothing": None},
        versions={"torch": "2.6"},
        train_seconds=12.4,
        metalr_seconds=0.62,
    ).save(folder / LEARNED_RATES_NAME)
    (folder / "eval_results.json").write_text(
        json.dumps({"eval_loss": 0.5, "eval_runtime": 3.0, "eval_samples_per_second": 9.0, "epoch": 2.0})
    )
    (folder / "all_results.json").write_text(json.dumps({"all_loss": 0.5}))  # what the others say, once more
    TransferabilityProfile((layer("stem"), layer("head", 1.1, True)), "a", "b", "c").save(
        folder / "transferability.json"
    )
    run = read_run(folder)
    assert (run.name, run.rows, run.head_groups) == ("demo", rows, ["layer.1"])
    assert run.facts == {
        "model": "ViTForImageClassification",
        "data": "X-rays",
        "training time": "12.4 s",
        "of it, learning the rates": "0.62 s (5.0 %)",
    }
    assert run.metrics == {"test": {"auroc": 0.95}, "evaluation": {"loss": 0.5}}
    assert run.settings == {
        "meta_estimator": "next_batch",
        "lr_update": "log_adam",
        "optimizer": "AdamW",
        "seed": "7",
        "hyper_lr": "0.03",
        "trust_region": "True",
    }
    assert run.versions == {"torch": "2.6"}
    assert run.initial_lrs == dict.fromkeys(rows[0]["base_lr"], 2e-4)
    assert [part["id"] for part in Page(build_report(run)).all("section")] == [
        "summary",
        "rates",
        "hypergradients",
        "layers",
        "transferability",
        "settings",
        "versions",
    ]


def test_without_other_files_the_last_checkpoints_log_gives_the_metrics(tmp_path) -> None:
    write_run(tmp_path)
    for step, loss in ((9, 0.9), (10, 0.1)):  # 10 is later than 9, though not in the alphabet
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        log = [{"eval_loss": 5.0, "step": 1}, {"eval_loss": loss, "eval_runtime": 1.0, "epoch": 1.0}, {"loss": 3.0}]
        (folder / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    assert read_run(tmp_path).metrics == {"evaluation": {"loss": 0.1}}


@pytest.mark.parametrize("content", ["[1]", "{", '{"a": 1', "\x00", "[" * 100_000])
def test_damaged_files_are_refused_by_name(tmp_path, content) -> None:
    write_run(tmp_path)
    (tmp_path / "metalr.json").write_text(content)
    with pytest.raises(ValueError, match=r"metalr\.json (is not valid JSON|must hold a JSON object)"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("schema", None), ("layer_groups", 3), ("settings", {"a\nb": 1}), ("seed", "7"), ("results", [1])],
)
def test_the_record_of_the_rates_is_checked_as_everywhere(tmp_path, key, value) -> None:
    # catches: a report that shows what `hf-metalr card` and `init_lrs` refuse
    content = learned(write_run(tmp_path)).to_dict()
    (tmp_path / LEARNED_RATES_NAME).write_text(json.dumps(content | {key: value}))
    with pytest.raises(ValueError, match=rf"metalr\.json.* must be .*({key}|schema)|{key}.* must be"):
        read_run(tmp_path)


def test_what_was_evaluated_is_told_once(tmp_path) -> None:
    rows = write_run(tmp_path)
    learned(rows, results={"evaluation": {"loss": 0.5}}).save(tmp_path / LEARNED_RATES_NAME)
    (tmp_path / "eval_results.json").write_text(json.dumps({"eval_loss": 0.5, "epoch": 2.0}))
    assert read_run(tmp_path).metrics == {"evaluation": {"loss": 0.5}}


def test_a_rate_of_0_began_nowhere_on_the_axis(tmp_path) -> None:
    rows = write_run(tmp_path)
    learned(rows, first_lr=0.0).save(tmp_path / LEARNED_RATES_NAME)
    run = read_run(tmp_path)
    assert run.initial_lrs == {}
    assert Page(build_report(run)).open == []


def test_odd_types_in_the_files_of_others_are_left_out(tmp_path) -> None:
    write_run(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"architectures": "x", "id2label": [1]}))
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": 3}))
    (tmp_path / "test_results.json").write_text(json.dumps({"test_loss": "1", "test_big": 10**400, "test_f1": True}))
    run = read_run(tmp_path)
    assert (run.facts, run.metrics, run.settings, run.versions, run.head_groups) == ({}, {}, {}, {}, ["head"])
