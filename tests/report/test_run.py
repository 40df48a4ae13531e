"""What an output folder tells about its run, and what is refused or passed over."""

import json
from pathlib import Path

import pytest

from hf_metalr.report import build_report, read_run
from hf_metalr.transferability.profile import TransferabilityProfile
from tests.plotting.histories import full_history
from tests.report.page import Page, layer


def write_run(folder: Path, groups: int = 4, steps: int = 6) -> list:
    rows = full_history(groups, steps)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metalr_history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


def test_a_folder_tells_its_run(tmp_path) -> None:
    rows = write_run(tmp_path / "demo")
    folder = tmp_path / "demo"
    groups = [{"name": name, "is_head": name == "layer.1", "first_lr": 2e-4} for name in rows[0]["base_lr"]]
    learned = {
        "layer_groups": groups,
        "model_class": "ViTForImageClassification",
        "dataset_name": "X-rays",
        "results": {"test": {"auroc": 0.95, "bad": None}},
        "settings": {"hyper_lr": 0.03, "nothing": None},
        "versions": {"torch": "2.6"},
        "seed": 7,
    }
    (folder / "metalr.json").write_text(json.dumps(learned))
    (folder / "eval_results.json").write_text(
        json.dumps({"eval_loss": 0.5, "eval_runtime": 3.0, "eval_samples_per_second": 9.0, "epoch": 2.0})
    )
    (folder / "all_results.json").write_text(json.dumps({"all_loss": 0.5}))  # what the others say, once more
    TransferabilityProfile((layer("stem"), layer("head", 1.1, True)), "a", "b", "c").save(
        folder / "transferability.json"
    )
    run = read_run(folder)
    assert (run.name, run.rows, run.head_groups) == ("demo", rows, ["layer.1"])
    assert run.facts == {"model": "ViTForImageClassification", "data": "X-rays"}
    assert run.metrics == {"test": {"auroc": 0.95}, "eval": {"loss": 0.5}}
    assert run.settings == {"seed": "7", "hyper_lr": "0.03"}
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
    assert read_run(tmp_path).metrics == {"validation": {"loss": 0.1}}


@pytest.mark.parametrize("content", ["[1]", "{", '{"a": 1', "\x00", "[" * 100_000])
def test_damaged_files_are_refused_by_name(tmp_path, content) -> None:
    write_run(tmp_path)
    (tmp_path / "metalr.json").write_text(content)
    with pytest.raises(ValueError, match=r"metalr\.json .*Mend or remove it"):
        read_run(tmp_path)


def test_odd_types_in_the_facts_are_left_out(tmp_path) -> None:
    write_run(tmp_path)
    odd = {
        "layer_groups": 3,
        "results": [1],
        "settings": "x",
        "versions": None,
        "train_seconds": "1",
        "model_class": None,
    }
    (tmp_path / "metalr.json").write_text(json.dumps(odd))
    (tmp_path / "config.json").write_text(json.dumps({"architectures": "x", "id2label": [1]}))
    run = read_run(tmp_path)
    assert (run.facts, run.metrics, run.settings, run.versions, run.head_groups) == ({}, {}, {}, {}, ["head"])
