"""`hf-metalr train` on what is wrong: told in words, before anything is trained."""

import re

import pytest

from tests.cli.train import QUICK, result_of, run
from tests.training.tables import save_images, save_masks

MISTAKES = {
    "--private": r"--private belongs to --push-to-hub",
    "--label-column lable": r"--label-column 'lable' does not exist",
    "--group-column patient": r"--group-column 'patient' does not exist",
    "--task regression --class-weights balanced": r"Class weights need classes",
    "--validation-size 0 --patience 2": r"Early stopping needs a validation split",
    "--no-flip": r"--no-flip changes --augment light alone, found none",
    "--metric accurracy": r"must be one of loss, accuracy, .*found 'accurracy'",
    "--set warmup_step=1": r"no field of TrainingArguments",
    "--lr-update sgd": r"--lr-update must be one of",
    "--model nowhere/at-all": r"The model 'nowhere/at-all' is neither",
    "--validation-size 0.7 --test-size 0.7": r"together below 1",
    "--push-to-hub user/name": r"HF_HUB_OFFLINE is set",
    "--output-dir {file}": r"--output-dir must be a folder or a new one, found '.*', but '.*/a_file' is a file",
    "--output-dir {file}/x/y": r"--output-dir must be a folder or a new one, found '.*', but '.*/a_file' is a file",
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
    assert "--input-column 'image': 2 of 24 inputs cannot be read" in last
    assert re.search(r": 'bright/patient03_0.png', 'dark/patient04_1.png': [^;]+\. Mend or .* --skip-damaged", last), (
        last
    )
    assert not out.exists()


def test_damaged_images_can_be_left_out(models, damaged, tmp_path, capsys):
    out = tmp_path / "out"
    result = result_of(
        capsys, "--model", models["vit"], "--data", damaged, "--output-dir", out, *QUICK, "--skip-damaged"
    )
    assert sum(result["splits"].values()) == 22
    assert "patient03_0" not in (out / "splits.json").read_text()


def test_a_damaged_mask_can_be_left_out_too(models, tmp_path, capsys):
    folder = save_masks(tmp_path / "discs")
    mask = folder / "masks" / "3_mask.png"
    mask.write_bytes(mask.read_bytes()[:60])
    line = ("--model", models["segformer"], "--data", folder, "--output-dir", tmp_path / "out", *QUICK)
    assert run(*line) == 1
    assert "3_mask.png" in capsys.readouterr().err
    assert run(*line, "--skip-damaged") == 0
    assert "12 rows found = 11 read + 1 left out" in capsys.readouterr().err


def test_labels_of_which_almost_every_row_has_its_own_are_wondered_at(models, tmp_path, capsys):
    path = tmp_path / "ids.csv"
    path.write_text("text,label\n" + "".join(f"a cat,patient {number}\n" for number in range(30)))
    assert run("--model", models["bert"], "--data", path, "--output-dir", tmp_path / "out", *QUICK, "--epochs", 0) == 0
    text = capsys.readouterr().err
    assert "warning: 30 classes for 30 samples. Does column 'label' hold classes?" in text
    assert "18 = patient 25, 19 = patient 26 and 10 more\n" in text
