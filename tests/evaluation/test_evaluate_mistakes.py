"""What `hf-metalr evaluate` refuses or warns of: one line, and nothing half-written."""

import shutil
from pathlib import Path

import pytest

from hf_metalr.cli import main
from tests.inference.test_same_numbers import rows_of
from tests.training.tables import save_vit

FAST = ("--bootstraps", "30")


def run(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments)])


def folder_of(images: Path, place: Path, names: dict[str, str]) -> Path:
    for old, new in names.items():
        shutil.copytree(images / old, place / new, dirs_exist_ok=True)
    return place


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"bright": "Bright", "dark": "Dark"}, "Bright, Dark. It has 2: bright, dark. They differ in capital letters"),
        (
            {"bright": "bright", "dark": "grey"},
            "has classes that the model does not know: grey. It has 2: bright, dark",
        ),
        ({"dark": "dark"}, "must hold a sub-folder of images for every class, at least two"),
        ({"dark": "."}, "Without labels nothing can be measured: `hf-metalr predict` needs none."),
        ({}, "found an empty folder"),
    ],
    ids=["capitals", "other", "one class", "no labels", "empty"],
)
def test_data_that_cannot_be_evaluated_are_told_in_one_line(served_models, images, tmp_path, capsys, names, words):
    (tmp_path / "data").mkdir()
    data = folder_of(images, tmp_path / "data", names)
    assert run(served_models["classes"], "--data", data, "--out", tmp_path / "out", *FAST) == 1
    complaint = capsys.readouterr().err.strip().splitlines()[-1]
    assert complaint.startswith("hf-metalr evaluate: error: --")
    assert words in complaint
    assert {file.name for file in tmp_path.iterdir()} == {"data"}


def test_one_class_alone_among_the_evaluated_rows(served_models, images, tmp_path, capsys):
    table = tmp_path / "table.csv"
    rows = [(f, f.parent.name, "test" if f.parent.name == "dark" else "validation") for f in images.rglob("*.png")]
    table.write_text("image,label,fold\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    line = ("--data", table, "--label-column", "label", "--split-column", "fold", "--out", tmp_path / "out", *FAST)
    assert run(served_models["classes"], *line) == 1
    assert "at least two classes to be evaluated, found 'dark' alone in 16 rows" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_model_without_names_is_matched_by_order_with_a_warning(images, tmp_path, capsys):
    assert run(save_vit(tmp_path / "vit"), "--data", images, "--out", tmp_path / "out", *FAST) == 0
    told = capsys.readouterr().err
    assert "warning: the model has no such names: classes are matched by their order, bright = LABEL_0" in told


def test_splits_of_other_names_are_asked_for(served_models, images, tmp_path, capsys):
    from datasets import ClassLabel, Dataset, DatasetDict
    from datasets import Image as ImageFeature

    files = sorted(images.rglob("*.png"))
    parts = {}
    for name, own in (("train", files[::2]), ("hospital_b", files[1::2])):
        rows = {"image": [str(file) for file in own], "label": [int(file.parent.name == "dark") for file in own]}
        part = Dataset.from_dict(rows).cast_column("image", ImageFeature())
        parts[name] = part.cast_column("label", ClassLabel(names=["bright", "dark"]))
    DatasetDict(parts).save_to_disk(tmp_path / "data")
    line = (served_models["classes"], "--data", tmp_path / "data", "--out", tmp_path / "out", *FAST)
    assert run(*line) == 1
    assert "--split must name the split to evaluate: split 'hospital_b' is none to train" in capsys.readouterr().err
    assert run(*line, "--split", "hospital_b") == 0
    assert {row["file"] for row in rows_of(tmp_path / "out" / "rows.csv")} <= {file.name for file in files[1::2]}


def test_an_earlier_evaluation_is_not_lost_and_a_failed_one_leaves_nothing(
    served_models, images, tmp_path, capsys, monkeypatch
):
    line = (served_models["classes"], "--data", images, "--out", tmp_path / "out", *FAST)
    assert run(*line) == 0
    before = (tmp_path / "out" / "evaluation.json").read_bytes()
    assert run(*line) == 1
    assert "has an evaluation already" in capsys.readouterr().err

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("hf_metalr.evaluation.files.build_page", full)
    assert run(*line, "--overwrite", "--seed", "5") == 1
    assert (tmp_path / "out" / "evaluation.json").read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"out"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--split", "tset"), "--split 'tset' cannot be chosen"),
        (("--by", "sexx"), "--by 'sexx' does not exist"),
        (("--positive", "sick"), "--positive must be a class of the model, bright, dark"),
        (("--save-temperature",), "needs validation data of a classification, which are evaluated nowhere else"),
        (("--against", "TEXTS"), "--against must be a model for the same task and classes"),
    ],
    ids=["split", "by", "positive", "temperature", "against"],
)
def test_options_that_do_not_fit(served_models, images, tmp_path, capsys, options, words):
    given = [str(served_models["texts"]) if word == "TEXTS" else word for word in options]
    assert run(served_models["classes"], "--data", images, "--out", tmp_path / "out", *FAST, *given) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
