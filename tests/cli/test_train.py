"""`hf-metalr train` from data to files, for every task, with tiny models and real training."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    AutoModelForSemanticSegmentation,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GPT2Config,
    GPT2ForSequenceClassification,
)

from hf_metalr.cli import main
from hf_metalr.engine.history import read_history
from hf_metalr.hub import figure
from tests.cli.models import save_text_model
from tests.cli.test_rank import ROOT, program
from tests.parallel.launch import accelerate_launch
from tests.training.tables import save_images, save_masks, save_segformer, save_vit

QUICK = ("--epochs", "1", "--batch-size", "8", "--learning-rate", "1e-3", "--set", "disable_tqdm=true")


def run(*arguments: object) -> int:
    return main(["train", *map(str, arguments)])


def result_of(capsys, *arguments: object) -> dict:
    assert run(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        "vit": save_vit(folder / "vit"),
        "segformer": save_segformer(folder / "segformer"),
        "bert": save_text_model(folder / "bert"),
    }


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    return save_images(tmp_path_factory.mktemp("data") / "scans")


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


@pytest.fixture(scope="module")
def ages(tmp_path_factory, scans):
    """Return tables of images and texts whose numbers are 70 or 50."""
    folder, files = tmp_path_factory.mktemp("ages"), sorted(scans.rglob("*.png"))
    texts = ["a cat", "one dog", "two cat", "dogs"] * 6
    tables = {
        "image": {
            "image": [str(f) for f in files],
            "age": [70.0 if f.parent.name == "bright" else 50.0 for f in files],
        },
        "text": {"text": texts, "age": [70.0 if "cat" in text else 50.0 for text in texts]},
    }
    for kind, table in tables.items():
        Dataset.from_dict(table).to_parquet(folder / f"{kind}.parquet")
    return folder


@pytest.mark.parametrize("kind", ["image", "text"])
def test_numbers_far_from_zero_are_learned_and_answered_in_their_own_unit(models, ages, tmp_path, capsys, kind):
    out, data = tmp_path / "out", ages / f"{kind}.parquet"
    result = result_of(
        capsys, "--model", models["vit" if kind == "image" else "bert"], "--data", data,
        "--label-column", "age", "--output-dir", out, *QUICK, "--epochs", 10, "--learning-rate", "1e-2",
        "--no-trust-region",
    )  # fmt: skip
    assert result["task"] == "regression"
    assert result["metrics"]["validation"]["rmse"] < 5  # 10 for the mean as answer
    if kind == "text":
        model, tokenizer = AutoModelForSequenceClassification.from_pretrained(out), AutoTokenizer.from_pretrained(out)
        rows = [row["row"] for row in json.loads((out / "splits.json").read_text())["splits"]["validation"]]
        held_out = Dataset.from_parquet(str(data)).select(rows)
        answers = [model(**tokenizer(text, return_tensors="pt")).logits.item() for text in held_out["text"]]
        rmse = np.sqrt(np.mean((np.array(answers) - np.array(held_out["age"][:])) ** 2))
        assert rmse == pytest.approx(result["metrics"]["validation"]["rmse"], rel=1e-4)


def test_a_regression_goes_on_from_one_and_resumes_in_its_units(models, ages, tmp_path, capsys):
    first, cut, straight = tmp_path / "first", tmp_path / "cut", tmp_path / "straight"
    line = ("--data", ages / "text.parquet", "--label-column", "age", *QUICK, "--set", "disable_tqdm=true",
            "lr_scheduler_type=constant", "--no-trust-region")  # fmt: skip
    steep = ("--learning-rate", "1e-2", "--epochs", 10)
    before = result_of(capsys, "--model", models["bert"], "--output-dir", first, *line, *steep)
    still = result_of(
        capsys, "--model", first, "--output-dir", tmp_path / "still", *line, "--learning-rate", "1e-9",
        "--meta-estimator", "off",
    )  # fmt: skip
    assert still["metrics"]["validation"]["mae"] == pytest.approx(before["metrics"]["validation"]["mae"], rel=1e-4)
    full = result_of(capsys, "--model", models["bert"], "--output-dir", straight, *line, "--epochs", 3)
    assert run("--model", models["bert"], "--output-dir", cut, *line, "--epochs", 2) == 0
    capsys.readouterr()
    resumed = result_of(capsys, "--model", models["bert"], "--output-dir", cut, *line, "--epochs", 3, "--resume")
    assert resumed["metrics"] == full["metrics"]
    expected = AutoModelForSequenceClassification.from_pretrained(straight).state_dict()
    loaded = AutoModelForSequenceClassification.from_pretrained(cut).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.items())


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


def test_labels_of_which_almost_every_row_has_its_own_are_wondered_at(models, tmp_path, capsys):
    path = tmp_path / "ids.csv"
    path.write_text("text,label\n" + "".join(f"a cat,patient {number}\n" for number in range(30)))
    assert run("--model", models["bert"], "--data", path, "--output-dir", tmp_path / "out", *QUICK, "--epochs", 0) == 0
    text = capsys.readouterr().err
    assert "warning: 30 classes for 30 samples. Does column 'label' hold classes?" in text
    assert "18 = patient 25, 19 = patient 26 and 10 more\n" in text


@pytest.fixture
def damaged(tmp_path):
    """Return a folder of images, two of which end early."""
    folder = save_images(tmp_path / "damaged")
    for name in ("bright/patient03_0.png", "dark/patient04_1.png"):
        path = folder / name
        path.write_bytes(path.read_bytes()[:100])
    return folder


def test_damaged_images_are_all_named_before_the_training(models, damaged, tmp_path, capsys):
    out = tmp_path / "out"
    assert run("--model", models["vit"], "--data", damaged, "--output-dir", out, *QUICK) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert "2 of 24 inputs in column 'image' cannot be read" in last
    assert all(name in last for name in ("bright/patient03_0.png", "dark/patient04_1.png", "--skip-damaged"))
    assert not out.exists()


def test_damaged_images_can_be_left_out(models, damaged, tmp_path, capsys):
    out = tmp_path / "out"
    result = result_of(
        capsys, "--model", models["vit"], "--data", damaged, "--output-dir", out, *QUICK, "--skip-damaged"
    )
    assert sum(result["splits"].values()) == 22
    assert "patient03_0" not in (out / "splits.json").read_text()


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
    assert "pip install hf-metalr[plot]" in line
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
    line = line_of(models, scans, tmp_path / "out")
    assert run(*line) == 0
    assert run(*line, "--seed", 1, "--resume") == 1
    assert "test images could have been trained on" in capsys.readouterr().err


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
    assert result_of(capsys, *line, "--epochs", 2)["steps"] == 2 * 3
    assert result_of(capsys, *line, "--epochs", 9, "--resume")["steps"] == 3 * 3  # not two more epochs


MISTAKES = {
    "--private": r"--private belongs to --push-to-hub",
    "--label-column lable": r"--label-column 'lable' does not exist",
    "--group-column patient": r"Column 'patient' does not exist",
    "--task regression --class-weights balanced": r"Class weights need classes",
    "--validation-size 0 --patience 2": r"Early stopping needs a validation split",
    "--no-flip": r"--no-flip changes --augment light alone, found --augment none",
    "--metric accurracy": r"must be one of loss, accuracy, .*found 'accurracy'",
    "--set warmup_step=1": r"no field of TrainingArguments",
    "--lr-update sgd": r"lr_update must be one of",
    "--model nowhere/at-all": r"The model 'nowhere/at-all' is neither",
    "--validation-size 0.7 --test-size 0.7": r"together below 1",
    "--push-to-hub user/name": r"[Oo]ffline",
    "--output-dir {file}": r"must be a folder or a new one, but '.*/a_file' is a file",
    "--output-dir {file}/x/y": r"must be a folder or a new one, but '.*/a_file' is a file",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line_before_anything_is_trained(models, scans, tmp_path, capsys, mistake):
    (tmp_path / "a_file").touch()
    arguments = ["--model", models["vit"], "--data", scans, "--output-dir", tmp_path / "out", *QUICK]
    assert run(*arguments, *mistake.format(file=tmp_path / "a_file").split()) == 1
    output = capsys.readouterr()
    assert output.out == ""
    last = output.err.splitlines()[-1]
    assert last.startswith("hf-metalr train: error: ")
    assert re.search(MISTAKES[mistake], last), last
    assert not (tmp_path / "out" / "metrics.json").exists()


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


def test_numbers_that_an_output_without_bias_does_not_reach_are_told(tmp_path, capsys):
    folder = save_text_model(tmp_path / "gpt")
    config = GPT2Config(vocab_size=11, n_positions=16, n_embd=8, n_layer=1, n_head=1, pad_token_id=0)
    GPT2ForSequenceClassification(config).save_pretrained(folder)
    path = tmp_path / "scores.csv"
    path.write_text("text,score\n" + "".join(f"a cat,{100 + number % 5}.0\n" for number in range(20)))
    line = ("--model", folder, "--data", path, "--label-column", "score", "--output-dir", tmp_path / "out")
    assert run(*line, *QUICK) == 0
    assert "far from a mean of 0 and a spread of 1" in capsys.readouterr().err
