"""`hf-metalr train` from data to files, for every task, with tiny models and real training."""

import json
import re
import shutil
import sys
from pathlib import Path

import torch
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    AutoModelForSemanticSegmentation,
    AutoModelForSequenceClassification,
)

from hf_metalr.engine.history import read_history
from hf_metalr.hub import figure
from tests.cli.test_rank import ROOT, program
from tests.cli.train import QUICK, result_of, run
from tests.parallel.launch import accelerate_launch
from tests.training.tables import save_masks


def test_a_folder_of_images_becomes_a_model_that_has_learned(models, scans, tmp_path, capsys):
    out = tmp_path / "out"
    result = result_of(
        capsys, "--model", models["vit"], "--data", scans, "--output-dir", out, *QUICK, "--epochs", 12,
        "--test-size", 0.25, "--group-pattern", r"patient(\d+)", "--lr-update", "log_adam",
        "--class-weights", "balanced", "--augment", "medical",
    )  # fmt: skip
    assert result["metrics"]["test"]["balanced_accuracy"] == 1.0  # dark and bright
    assert json.loads((out / "metrics.json").read_text()) == result["metrics"]
    assert result["labels"] == ["bright", "dark"]
    assert AutoModelForImageClassification.from_pretrained(out).config.label2id == {"bright": 0, "dark": 1}
    assert AutoImageProcessor.from_pretrained(out).size["height"] == 16
    rates = read_history(out / "metalr_history.jsonl")[-1]["base_lr"]
    assert result["learned_rates"] == rates
    assert len(set(rates.values())) > 1
    assert {path.name for path in out.iterdir()} >= {"README.md", "learned_rates.png", "splits.json"}
    assert result["figure"] == str(out / "learned_rates.png")
    assert "](learned_rates.png)" in (out / "README.md").read_text()  # the one that the card shows


def test_the_record_of_the_splits_keeps_patients_apart(models, scans, tmp_path, capsys):
    out = tmp_path / "out"
    result = result_of(
        capsys, "--model", models["vit"], "--data", scans, "--output-dir", out, *QUICK,
        "--test-size", 0.25, "--group-pattern", r"patient\d+", "--meta-estimator", "off",
    )  # fmt: skip
    splits = json.loads((out / "splits.json").read_text())["splits"]
    assert {name: len(rows) for name, rows in splits.items()} == result["splits"]
    files = [row["file"] for rows in splits.values() for row in rows]
    assert sorted(files) == sorted(path.relative_to(scans).as_posix() for path in scans.rglob("*.png"))
    sides = [{re.search(r"patient\d+", row["file"])[0] for row in rows} for rows in splits.values()]
    assert not sides[0] & sides[1]
    assert not (sides[0] | sides[1]) & sides[2]


def test_masks_are_segmented(models, tmp_path, capsys):
    data = save_masks(tmp_path / "cells")
    result = result_of(
        capsys, "--model", models["segformer"], "--data", data, "--output-dir", tmp_path / "out", *QUICK,
        "--epochs", 8, "--batch-size", 3, "--learning-rate", "5e-3", "--augment", "light",
        "--class-weights", "balanced",
    )  # fmt: skip
    assert result["task"] == "segmentation"
    assert result["metrics"]["validation"]["mean_dice_foreground"] > 0.6
    model = AutoModelForSemanticSegmentation.from_pretrained(tmp_path / "out")
    assert model.config.num_labels == 2
    assert AutoImageProcessor.from_pretrained(tmp_path / "out").do_reduce_labels is False


def test_texts_are_classified(models, tmp_path, capsys):
    path = tmp_path / "pets.csv"
    texts = ["a cat", "one cat", "two cat", "cat", "a dog", "two dogs", "one dog", "dogs"] * 4
    path.write_text("text,kind\n" + "".join(f"{text},{'cat' if 'cat' in text else 'dog'}\n" for text in texts))
    result = result_of(
        capsys, "--model", models["bert"], "--data", path, "--label-column", "kind", "--output-dir", tmp_path / "out",
        *QUICK, "--epochs", 8, "--learning-rate", "1e-2", "--no-trust-region",
    )  # fmt: skip
    assert result["metrics"]["validation"]["accuracy"] == 1.0
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert list(loaded.config.id2label.values()) == ["cat", "dog"]


def test_pairs_of_texts_are_read_together(models, tmp_path, capsys):
    path = tmp_path / "pairs.csv"
    rows = [(first, second, second) for first in ("a", "one", "two") for second in ("cat", "dog")] * 6
    path.write_text("sentence1,sentence2,label\n" + "".join(f"{','.join(row)}\n" for row in rows))
    out = tmp_path / "out"
    result = result_of(
        capsys, "--model", models["bert"], "--data", path, "--output-dir", out, *QUICK, "--epochs", 8,
        "--learning-rate", "1e-2", "--no-trust-region",
    )  # fmt: skip
    assert result["inputs"] == ["sentence1", "sentence2"]
    assert result["metrics"]["validation"]["balanced_accuracy"] == 1.0  # 0.5 from the first alone
    assert "pairs of texts, sentence1 and sentence2, in this order" in (out / "README.md").read_text()


def test_several_labels_per_image(models, scans, tmp_path, capsys):
    rows = {"image": [], "bright": [], "odd": []}
    for number, file in enumerate(sorted(scans.rglob("*.png"))):
        rows["image"].append(str(file.relative_to(scans)))
        rows["bright"].append(int(file.parent.name == "bright"))
        rows["odd"].append(number % 2)
    path = scans / "table.csv"
    path.write_text("image,bright,odd\n" + "".join(f"{a},{b},{c}\n" for a, b, c in zip(*rows.values(), strict=True)))
    result = result_of(
        capsys, "--model", models["vit"], "--data", path, "--label-column", "bright", "odd", "--output-dir",
        tmp_path / "out", *QUICK, "--class-weights", "balanced", "--validation-size", 0.4,
    )  # fmt: skip
    assert (result["task"], result["labels"]) == ("multi-label", ["bright", "odd"])
    assert set(result["metrics"]["validation"]) > {"mean_average_precision", "auroc", "macro_f1"}
    config = AutoModelForImageClassification.from_pretrained(tmp_path / "out").config
    assert config.problem_type == "multi_label_classification"


def test_the_run_can_be_described_in_a_file(models, scans, tmp_path, capsys):
    config = tmp_path / "train.yaml"
    config.write_text(
        f"model: {models['vit']}\ndata: {scans}\noutput_dir: {tmp_path / 'out'}\nepochs: 1\nbatch_size: 8\n"
        "lr_update: log_adam\nset: [disable_tqdm=true, weight_decay=0.01]\njson: true\n"
    )
    assert run("--config", config, "--validation-size", "0", "--seed", "3") == 0
    output = capsys.readouterr()
    result = json.loads(output.out)
    assert result["splits"] == {"train": 24}
    assert result["metrics"] == {}
    assert "task: classification of images" in output.err


def test_the_documented_config_file_is_understood(tmp_path, capsys):
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    config = tmp_path / "train.yaml"
    config.write_text(page.split("# train.yaml: ")[1].split("\n", 1)[1].split("```")[0])
    assert run("--config", config, "--data", "nowhere.csv", "--output-dir", tmp_path / "out") == 1  # all keys are known
    assert "--data 'nowhere.csv' does not exist" in capsys.readouterr().err


def test_the_console_shows_metrics_and_where_things_are(models, scans, tmp_path, capsys):
    line = ("--model", models["vit"], "--data", scans, "--output-dir", tmp_path / "out", *QUICK)
    assert run(*line) == 0
    text = capsys.readouterr().out
    assert f"Figure of the rates: {tmp_path / 'out' / 'learned_rates.png'}." in text
    assert re.search(r"split +samples +loss +accuracy +balanced_accuracy", text)
    assert "Learned rates of" in text
    assert f"Everything is in {tmp_path / 'out'}." in text


def test_without_matplotlib_one_line_says_so_and_all_else_is_done(models, scans, tmp_path, capsys, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(figure.logger, "warning", said.append)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    out = tmp_path / "out"
    assert run("--model", models["vit"], "--data", scans, "--output-dir", out, *QUICK) == 0
    (line,) = said
    assert "no figure: Plots need matplotlib" in line
    assert "pip install 'hf-metalr[plot]'" in line
    assert "Figure" not in capsys.readouterr().out
    assert not (out / "learned_rates.png").exists()
    assert (out / "README.md").is_file()


def line_of(models, scans, out):
    return ("--model", models["vit"], "--data", scans, "--output-dir", out, *QUICK, "--lr-update", "log_adam")


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return AutoModelForImageClassification.from_pretrained(folder).state_dict()


def test_a_run_that_was_cut_short_goes_on_as_if_it_had_not_been(models, scans, tmp_path, capsys):
    straight, cut = tmp_path / "straight", tmp_path / "cut"
    more = ("--augment", "medical", "--set", "disable_tqdm=true", "lr_scheduler_type=constant")
    full = result_of(capsys, *line_of(models, scans, straight), *more, "--epochs", 3)
    assert run(*line_of(models, scans, cut), *more, "--epochs", 2) == 0
    newest = max(cut.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    (newest / "trainer_state.json").write_text("{")  # the process died while writing
    assert run(*line_of(models, scans, cut), "--epochs", 3) == 1  # not by accident
    assert "Go on from them with --resume" in capsys.readouterr().err
    resumed = result_of(capsys, *line_of(models, scans, cut), *more, "--epochs", 3, "--resume")
    assert resumed["steps"] == full["steps"]
    assert resumed["learned_rates"] == full["learned_rates"]
    expected = weights_of(straight)
    assert all(torch.equal(value, expected[name]) for name, value in weights_of(cut).items())


def test_a_run_does_not_go_on_with_other_splits(models, scans, tmp_path, capsys):
    own = shutil.copytree(scans, tmp_path / "scans")
    line = line_of(models, own, tmp_path / "out")
    assert run(*line) == 0
    next(own.rglob("*.png")).unlink()
    assert run(*line, "--resume") == 1
    assert "test images could have been trained on" in capsys.readouterr().err


def test_a_run_does_not_go_on_with_other_options(models, scans, tmp_path, capsys):
    line = line_of(models, scans, tmp_path / "out")
    assert run(*line) == 0
    assert run(*line, "--split-seed", 1, "--augment", "light", "--resume") == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert "--split-seed was 0, now 1" in last
    assert "--augment was 'none', now 'light'" in last


def test_the_seed_of_a_run_does_not_draw_its_splits(models, scans, tmp_path):
    found = []
    for number, more in enumerate([(), ("--seed", 1), ("--split-seed", 1)]):
        assert run(*line_of(models, scans, tmp_path / str(number)), "--epochs", 0, *more) == 0
        found.append(json.loads((tmp_path / str(number) / "splits.json").read_text())["splits"])
    assert found[0] == found[1] != found[2]


def test_a_finished_model_is_not_written_over_without_a_word(models, scans, tmp_path, capsys):
    line = line_of(models, scans, tmp_path / "out")
    assert run(*line, "--set", "save_strategy=no", "load_best_model_at_end=false") == 0
    assert run(*line) == 1
    assert "has a finished one" in capsys.readouterr().err
    assert run(*line, "--overwrite", "--set", "save_strategy=no", "load_best_model_at_end=false") == 0


def test_the_account_stands_in_splits_json_too(models, scans, tmp_path, capsys):
    own = shutil.copytree(scans, tmp_path / "scans", ignore=shutil.ignore_patterns("*.csv"))
    (own / "dark" / ".hidden.png").write_bytes(b"x")
    assert run(*line_of(models, own, tmp_path / "out")) == 0
    told = capsys.readouterr().err
    found = json.loads((tmp_path / "out" / "splits.json").read_text())
    files, rows = found["files"], found["rows"]
    assert files["found"] == files["read"] + sum(entry["count"] for entry in files["left_out"]) == 25
    assert files["left_out"] == [{"reason": "hidden", "count": 1, "example": "dark/.hidden.png"}]
    assert rows["read"] == sum(len(part) for part in found["splits"].values()) == 24
    assert found["classes"] == {"bright": 0, "dark": 1}
    assert {name: sum(counts.values()) for name, counts in found["counts"].items()} == {
        name: len(part) for name, part in found["splits"].items()
    }
    assert "25 files found = 24 read + 1 left out" in told
    assert "classes: 0 = bright, 1 = dark" in told


def test_patience_ends_a_run_that_does_not_get_better(models, scans, tmp_path, capsys):
    line = ("--model", models["vit"], "--data", scans, "--output-dir", tmp_path / "out", *QUICK)
    result = result_of(
        capsys, *line, "--epochs", 9, "--learning-rate", "1e-9", "--meta-estimator", "off", "--patience", 2
    )
    assert result["steps"] == 3 * 3  # the first is the best, and two more epochs are no better
    assert result["best_step"] == 3


def test_patience_goes_on_counting_after_a_crash(models, scans, tmp_path, capsys):
    line = ("--model", models["vit"], "--data", scans, "--output-dir", tmp_path / "out", *QUICK, "--patience", 2)
    line += ("--learning-rate", "1e-9", "--meta-estimator", "off")
    assert run(*line, "--epochs", 2, "--resume", "--json") == 0  # as a script would that a queue may start again
    output = capsys.readouterr()
    assert "no whole checkpoint in" in output.err
    assert json.loads(output.out)["steps"] == 2 * 3
    assert result_of(capsys, *line, "--epochs", 9, "--resume")["steps"] == 3 * 3  # not two more epochs


def test_two_processes_train_one_model_and_one_of_them_speaks(models, scans, tmp_path):
    start = [*accelerate_launch(2), "-m", "hf_metalr"]
    out = tmp_path / "out"
    done = program(
        start, "--model", models["vit"], "--data", scans, "--output-dir", out, *QUICK, "--test-size", 0.25,
        "--meta-estimator", "lookahead", "--json", command="train",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    assert result["steps"] == 1  # 13 images, 16 at a time: a process alone would take two
    assert result["splits"] == {"train": 13, "validation": 5, "test": 6}
    assert json.loads((out / "metrics.json").read_text()) == result["metrics"]
    assert done.stderr.count("task: classification") == 1
    assert len(read_history(out / "metalr_history.jsonl")) == 1


def test_a_run_is_not_resumed_to_fewer_epochs_than_it_has_behind_it(models, scans, tmp_path, capsys):
    line = ("--model", models["vit"], "--data", scans, "--output-dir", tmp_path / "out", *QUICK)
    assert run(*line, "--epochs", 2) == 0
    assert run(*line, "--epochs", 1, "--resume") == 1
    assert "must be more than the 2 that the run to resume has behind it" in capsys.readouterr().err
    assert run(*line, "--epochs", 3, "--resume", "--overwrite") == 1
    assert "choose one of the two" in capsys.readouterr().err
