"""`hf-metalr predict` on what people have: bad files, interruptions, other formats, masks, folders that lie anyhow."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

import hf_metalr
from hf_metalr.cli import main
from hf_metalr.errors import InputError
from hf_metalr.inference import predict as module
from tests.cli.test_rank import ROOT
from tests.inference.test_same_numbers import rows_of
from tests.parallel.launch import accelerate_launch


def run(*arguments: object) -> int:
    return main(["predict", *map(str, arguments)])


@pytest.fixture
def archive(images, tmp_path):
    """Images in folders that are no classes, with what lies in any archive."""
    folder = tmp_path / "archive"
    for number, file in enumerate(sorted(images.rglob("*.png"))[:9]):
        place = folder / ("", "2024", "2024/ward")[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place / f"{number}.png")
    whole = (folder / "0.png").read_bytes()
    (folder / "broken.png").write_bytes(whole[: len(whole) // 2])
    (folder / "page.jpg").write_text("<html>not found</html>")
    Image.fromarray((np.arange(400).reshape(20, 20) * 100).astype(np.uint16)).save(folder / "deep.png")
    (folder / "empty.png").touch()
    (folder / "notes.txt").write_text("a word")
    return folder


def test_one_bad_file_does_not_stop_a_night(served_models, archive, tmp_path, capsys):
    out = tmp_path / "out.csv"
    line = (served_models["classes"], "--data", archive, "--out", out)
    assert run(*line) == 1
    assert not out.exists()
    text = capsys.readouterr().err
    assert "has an input that cannot be read, 'broken.png'" in text
    assert "leave such out with --skip-damaged. What was done stays: go on with --resume." in text
    assert run(*line, "--skip-damaged", "--resume", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == len(rows_of(out)) == 9
    lost = {row["file"]: row["reason"] for row in rows_of(tmp_path / "out.left_out.csv")}
    assert set(lost) == {"broken.png", "page.jpg", "deep.png"} == {row["file"] for row in told["left_out"]}
    assert "truncated" in lost["broken.png"]
    assert "--window" in lost["deep.png"]
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_what_lies_beside_the_images_is_told(served_models, archive, tmp_path, capsys):
    assert run(served_models["classes"], "--data", archive, "--out", tmp_path / "out.csv", "--skip-damaged") == 0
    told = capsys.readouterr().err
    assert "left out, 1: empty file (empty.png)" in told
    assert "(notes.txt)" in told


def test_an_interrupted_call_goes_on_and_gives_the_same(served_models, images, tmp_path, monkeypatch):
    line = (served_models["classes"], "--data", images, "--batch-size", 5)
    assert run(*line, "--out", tmp_path / "straight.csv") == 0
    out, seen = tmp_path / "out.csv", []
    original = module.stream_answers

    def dying(served, read, rows, batch_size):
        for answers in original(served, read, rows, batch_size):
            seen.extend(answer.row for answer in answers)
            if len(seen) == 15:
                raise KeyboardInterrupt
            yield answers

    monkeypatch.setattr(module, "stream_answers", dying)
    assert run(*line, "--out", out) == 130
    journal = tmp_path / ".out.csv.partial-0.jsonl"
    with journal.open("a", encoding="utf-8") as file:
        file.write('{"row": 10, "fi')  # a line that the crash cut short
    assert run(*line, "--out", out) == 1  # not by accident
    seen.clear()
    assert run(*line, "--out", out, "--resume") == 0
    assert seen == list(range(10, 24))  # what was done is not done again
    assert out.read_bytes() == (tmp_path / "straight.csv").read_bytes()
    assert not journal.exists()


def test_a_call_does_not_go_on_with_another_model(served_models, archive, tmp_path, capsys):
    out = tmp_path / "out.csv"
    assert run(served_models["classes"], "--data", archive, "--out", out) == 1
    assert run(served_models["labels"], "--data", archive, "--out", out, "--resume", "--skip-damaged") == 1
    text = capsys.readouterr().err
    assert "must have the same model, data and options as the call that was interrupted" in text
    assert "model, task" in text
    assert run(served_models["labels"], "--data", archive, "--out", out, "--overwrite", "--skip-damaged") == 0


def test_every_format_holds_the_same(served_models, images, tmp_path):
    from datasets import load_dataset

    for suffix in ("csv", "jsonl", "parquet"):
        assert run(served_models["classes"], "--data", images, "--out", tmp_path / f"out.{suffix}") == 0
    expected = [
        {name: value if name in ("file", "prediction") else float(value) for name, value in row.items()}
        for row in rows_of(tmp_path / "out.csv")
    ]
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()] == expected
    stored = load_dataset("parquet", data_files=str(tmp_path / "out.parquet"), split="train", cache_dir=str(tmp_path))
    assert list(stored) == expected


def test_an_earlier_table_is_not_lost(served_models, images, tmp_path, capsys):
    out = tmp_path / "out.csv"
    out.write_text("mine")
    assert run(served_models["classes"], "--data", images, "--out", out) == 1
    assert "must be a new file" in capsys.readouterr().err
    assert out.read_text() == "mine"


def test_names_with_commas_and_blanks_stay_whole(served_models, images, tmp_path):
    name = 'a, bü "c".png'
    (tmp_path / "scans").mkdir()
    shutil.copy(next(images.rglob("*.png")), tmp_path / "scans" / name)
    assert run(served_models["classes"], "--data", tmp_path / "scans", "--out", tmp_path / "out.csv") == 0
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["file"] == name


def test_single_files_and_tables_that_name_images(served_models, images, tmp_path, monkeypatch):
    files = sorted(images.rglob("*.png"))[:3]
    monkeypatch.chdir(images)
    rows = list(hf_metalr.predict(served_models["classes"], [file.relative_to(images) for file in files]))
    assert [row["file"] for row in rows] == [file.relative_to(images).as_posix() for file in files]
    table = tmp_path / "table.csv"
    table.write_text("scan,label\n" + "".join(f"{file},any\n" for file in files) + "gone.png,any\n")
    with pytest.raises(InputError, match=r"no such file \('gone.png'\)"):
        list(hf_metalr.predict(served_models["classes"], table))
    named = list(hf_metalr.predict(served_models["classes"], table, skip_damaged=True))
    assert [row["p_dark"] for row in named] == [row["p_dark"] for row in rows]


def test_the_window_of_the_training_is_used(served_models, tmp_path):
    model = shutil.copytree(served_models["classes"], tmp_path / "model")
    pixels = (np.random.default_rng(0).integers(0, 256, (20, 20))).astype(np.uint16)
    (tmp_path / "deep").mkdir()
    Image.fromarray(pixels * 16).save(tmp_path / "deep" / "x.png")
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "plain.png")
    (model / "run.json").write_text(json.dumps({"options": {"window": [0, 4080]}}))
    (deep,) = hf_metalr.predict(model, tmp_path / "deep")
    (plain,) = hf_metalr.predict(model, tmp_path / "plain.png")
    assert deep["p_dark"] == plain["p_dark"]


def test_an_answer_that_is_no_number_is_told(served_models, images, tmp_path, capsys):
    model = shutil.copytree(served_models["classes"], tmp_path / "model")
    weights = load_file(model / "model.safetensors")
    weights["classifier.bias"][0] = float("nan")
    save_file(weights, model / "model.safetensors", {"format": "pt"})
    assert run(model, "--data", images, "--out", tmp_path / "out.csv") == 1
    assert "the model's answer is no number" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda model: (model / "preprocessor_config.json").unlink(), "has no image processor"),
        (lambda model: rewrite(model, architectures=["ViTModel"]), "found ViTModel. Fine-tune it first"),
        (lambda model: rewrite(model, id2label={"0": "a", "1": "b", "2": "c"}), "do not fit its configuration"),
        (lambda model: drop(model, "classifier.bias"), "lacks 1 of its tensors (classifier.bias)"),
    ],
    ids=["no processor", "no head", "other classes", "random head"],
)
def test_a_model_that_cannot_be_used_is_told_in_one_line(served_models, images, tmp_path, capsys, spoil, words):
    model = shutil.copytree(served_models["classes"], tmp_path / "model")
    spoil(model)
    assert run(model, "--data", images, "--out", tmp_path / "out.csv") == 1
    complaint = capsys.readouterr().err.strip().splitlines()[-1]
    assert complaint.startswith("hf-metalr predict: error: ")
    assert words in complaint
    assert {file.name for file in tmp_path.iterdir()} == {"model"}


def rewrite(model: Path, **fields: object) -> None:
    content = json.loads((model / "config.json").read_text()) | fields
    (model / "config.json").write_text(json.dumps(content))


def drop(model: Path, name: str) -> None:
    weights = load_file(model / "model.safetensors")
    del weights[name]
    save_file(weights, model / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(
    ("model", "data", "words"),
    [
        ("texts", "images", "--data must hold texts, which the model reads, but column 'image' holds images"),
        ("classes", "words", "--data must hold images, which the model reads, but column 'text' holds texts"),
        ("classes", "nothing", "found an empty folder"),
    ],
)
def test_inputs_of_another_kind_are_told(served_models, images, tmp_path, capsys, model, data, words):
    (tmp_path / "nothing").mkdir()
    (tmp_path / "words.csv").write_text("text\na cat\n")
    sources = {"images": images, "words": tmp_path / "words.csv", "nothing": tmp_path / "nothing"}
    assert run(served_models[model], "--data", sources[data], "--out", tmp_path / "out.csv") == 1
    assert words in capsys.readouterr().err
    assert not list(tmp_path.glob("*out*"))


def test_what_a_crop_does_not_show_is_no_class(served_models, masked, tmp_path):
    from transformers import AutoImageProcessor

    model = shutil.copytree(served_models["masks"], tmp_path / "model")
    processor = AutoImageProcessor.from_pretrained(model)
    content = json.loads((model / "preprocessor_config.json").read_text())
    content |= {
        "do_center_crop": True,
        "crop_size": {"height": 16, "width": 32},
        "image_processor_type": "MobileNetV2ImageProcessor",
    }
    (model / "preprocessor_config.json").write_text(json.dumps(content))
    assert processor.size["height"] == 32
    rewrite(model, id2label={"0": "ground", "1": "cell"})
    list(hf_metalr.predict(model, masked, masks=tmp_path / "masks"))
    mask = np.asarray(Image.open(next((tmp_path / "masks").rglob("*.png"))))
    assert mask.shape == (40, 40)
    assert (mask[:10] == 255).all()
    assert (mask[30:] == 255).all()
    assert set(np.unique(mask[10:30])) <= {0, 1}


def test_several_processes_share_the_rows(served_models, images, tmp_path):
    line = ["predict", served_models["classes"], "--data", images, "--batch-size", "5"]
    assert main([*map(str, line), "--out", str(tmp_path / "one.csv")]) == 0
    command = [sys.executable, *accelerate_launch(2), "-m", "hf_metalr", *line, "--out", tmp_path / "two.csv"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(list(map(str, command)), env=environment, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert (tmp_path / "two.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()
