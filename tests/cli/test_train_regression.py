"""`hf-metalr train` on numbers: learned in units of their spread, answered in their own."""

import json

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GPT2Config,
    GPT2ForSequenceClassification,
)

from tests.cli.models import save_text_model
from tests.cli.train import QUICK, result_of, run


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
        "--label-column", "age", "--task", "regression", "--output-dir", out, *QUICK, "--epochs", 10,
        "--learning-rate", "1e-2", "--no-trust-region",
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
    line = ("--data", ages / "text.parquet", "--label-column", "age", "--task", "regression", *QUICK,
            "--set", "disable_tqdm=true", "lr_scheduler_type=constant", "--no-trust-region")  # fmt: skip
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


def test_numbers_that_an_output_without_bias_does_not_reach_are_told(tmp_path, capsys):
    folder = save_text_model(tmp_path / "gpt")
    config = GPT2Config(vocab_size=11, n_positions=16, n_embd=8, n_layer=1, n_head=1, pad_token_id=0)
    GPT2ForSequenceClassification(config).save_pretrained(folder)
    path = tmp_path / "scores.csv"
    path.write_text("text,score\n" + "".join(f"a cat,{100 + number % 5}.0\n" for number in range(20)))
    line = ("--model", folder, "--data", path, "--label-column", "score", "--task", "regression")
    assert run(*line, "--output-dir", tmp_path / "out", *QUICK) == 0
    assert "far from a mean of 0 and a spread of 1" in capsys.readouterr().err
