"""`hf-metalr card` on a folder that a trainer wrote."""

import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from hf_metalr.cli import main
from hf_metalr.hub import LearnedRates
from tests.trainer.tiny import Images, make_trainer


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "scans"
    trainer = make_trainer(folder, lr_update="log_adam", eval_dataset=Images(7))
    trainer.train()
    trainer.evaluate()
    trainer.save_model()
    trainer.create_model_card(license="mit", language="en", tags="medical", model_name="Scans")
    return folder


@pytest.fixture
def folder(run_folder, tmp_path) -> Path:
    return Path(shutil.copytree(run_folder, tmp_path / "copy"))


def run(*arguments: object) -> int:
    return main(["card", *map(str, arguments)])


def test_the_rebuilt_card_is_the_one_that_the_trainer_wrote(folder, capsys):
    assert run(folder) == 0
    assert capsys.readouterr().out == (folder / "README.md").read_text()


def test_it_is_rebuilt_without_an_old_card_and_figure(folder, capsys):
    (folder / "README.md").unlink()
    (folder / "learned_rates.png").unlink()
    assert run(folder) == 0
    assert "![" not in capsys.readouterr().out
    assert not (folder / "README.md").exists()  # nothing is written unless asked for
    assert run(folder, "--write") == 0
    assert (folder / "learned_rates.png").read_bytes().startswith(b"\x89PNG")
    text = (folder / "README.md").read_text()
    assert text == capsys.readouterr().out
    assert "](learned_rates.png)" in text
    assert "# copy" in text


def test_facts_from_the_command_line_stay(folder, capsys):
    facts = ("--dataset-name", "PneumoniaMNIST", "--base-model", "google/vit", "--license", "apache-2.0")
    assert run(folder, *facts, "--repo-id", "me/scans", "--write") == 0
    assert 'from_pretrained("me/scans")' in capsys.readouterr().out
    assert run(folder, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["metadata"]["license"] == "apache-2.0"
    assert printed["metadata"]["language"] == ["en"]
    assert "medical" in printed["metadata"]["tags"]
    assert printed["metadata"]["model-index"][0]["results"][0]["dataset"]["name"] == "PneumoniaMNIST"
    assert printed["learned_rates"] == json.loads((folder / "metalr.json").read_text())
    assert printed["text"].startswith("\n# Scans")
    assert LearnedRates.load(folder / "metalr.json").base_model == "google/vit"
    assert ModelCard.load(folder / "README.md").data.base_model == "google/vit"


def break_file(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)


MISTAKES = {
    "metalr.json": ("{", "is not valid JSON"),
    "README.md": ("---\ntags: [\n---\n", "has metadata that cannot be read"),
    "metalr_history.jsonl": ("{}\n", "is not the row of a meta step"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_broken_file_is_one_line_and_nothing_is_written(folder, capsys, name):
    content, message = MISTAKES[name]
    break_file(folder, name, content)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run(folder, "--write") == 1
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith("hf-metalr card: error: ")
    assert message in line
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_without_learned_rates_is_refused(tmp_path, capsys):
    assert run(tmp_path) == 1
    assert "has no metalr.json" in capsys.readouterr().err
    assert run(tmp_path / "nowhere") == 1
