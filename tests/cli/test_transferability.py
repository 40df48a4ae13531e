"""`hf-metalr transferability` on real weights: its numbers are the function's, and mistakes leave nothing behind."""

import json

import pytest
from PIL import Image

from hf_metalr.cli import main
from hf_metalr.transferability import Protocol, TransferabilityProfile, transferability_profile
from tests.cli.models import IMAGES, NETWORK, save_fine_tuned, save_text_model


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    return str(save_fine_tuned(tmp_path_factory.mktemp("models") / "tuned"))


def run(*arguments: object) -> int:
    return main(["transferability", *map(str, arguments)])


def test_every_option_reaches_the_function(tmp_path, capsys):
    before = str(save_text_model(tmp_path / "before"))
    after = str(save_text_model(tmp_path / "after", moved=0.01))
    options = {
        "random_draws": 2,
        "layer_groups": "stage",
        "confidence": 0.8,
        "seed": 3,
        "samples": 400,
        "steps": 300,
        "learning_rate": 1e-3,
        "recipe": "AdamW, constant",
    }
    protocol = {"tensors": "all", "average": "after_ratio", "include_head": True}
    config = tmp_path / "options.json"
    config.write_text(json.dumps({"fine_tuned": after, "pretrained": before} | options | protocol))
    assert run("--config", config, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    direct = transferability_profile(after, before, protocol=Protocol(**protocol), **options)
    assert printed == json.loads(json.dumps(direct.to_dict()))


def test_each_output_holds_the_same_profile(tuned, tmp_path, capsys):
    saved, drawn = tmp_path / "profile.json", tmp_path / "profile.png"
    command = (tuned, NETWORK, "--random", "expectation", "--layer-groups", "stage")
    assert run(*command, "--save", saved, "--plot", drawn) == 0
    console = capsys.readouterr().out
    profile = TransferabilityProfile.load(saved)
    assert console == f"{profile}\n"
    assert drawn.read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"profile.json", "profile.png"}


def test_damaged_images_are_named_or_left_out(tuned, tmp_path, capsys):
    for number in range(6):
        place = tmp_path / "scans" / ("pneumonia" if number % 2 else "normal")
        place.mkdir(parents=True, exist_ok=True)
        Image.new("L", (40, 40), 20 * number).save(place / f"{number}.png")
    broken = tmp_path / "scans" / "normal" / "2.png"
    broken.write_bytes(broken.read_bytes()[:50])
    line = (tuned, NETWORK, "--random-draws", 1, "--layer-groups", "stage", "--data", tmp_path / "scans")
    assert run(*line) == 1
    assert "'normal/2.png'" in capsys.readouterr().err.splitlines()[-1]
    assert run(*line, "--skip-damaged", "--json") == 0
    assert json.loads(capsys.readouterr().out)["validation_samples"] == 5


def test_data_bring_the_columns_that_need_them(tuned, capsys):
    data = ("--data", IMAGES, "--max-samples", "8")
    assert run(tuned, NETWORK, "--random-draws", 1, "--layer-groups", "stage", *data, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["validation_samples"] == 8
    for layer in printed["layers"]:
        assert layer["is_head"] or None not in (layer["gradient_ratio"], layer["reset_to_random"])


def test_layers_that_did_not_move_are_strict_json_too(tmp_path, capsys):
    model = save_text_model(tmp_path)
    assert run(model, model, "--random-draws", 1, "--json") == 0
    json.loads(capsys.readouterr().out, parse_constant=pytest.fail)  # called for Infinity and NaN


MISTAKES = {
    "nowhere {network}": "nowhere",
    "{tuned} {text}": "bert",
    "{tuned} {network} --random nowhere": "nowhere",
    "{tuned} {network} --learning-rate -1": "--learning-rate",
    "{tuned} {network} --data nowhere.csv": "--data 'nowhere.csv' does not exist",
    "{tuned} {network} --data {images} --label-column kind": "--label-column 'kind' does not exist",
    "{text} {text} --data {images}": "must have an image processor",
    "{tuned} {network} --plot {folder}/profile.gif": "--plot must be",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(tuned, tmp_path, capsys, arguments):
    text = save_text_model(tmp_path / "bert") if "{text}" in arguments else None
    (tmp_path / "out").mkdir()
    line = arguments.format(tuned=tuned, network=NETWORK, images=IMAGES, text=text, folder=tmp_path / "out")
    capsys.readouterr()
    assert run(*line.split(), "--save", tmp_path / "out" / "profile.json") == (2 if "-1" in arguments else 1)
    output = capsys.readouterr()
    assert output.out == ""
    last = output.err.splitlines()[-1]
    assert last.startswith("hf-metalr transferability: error: ")
    assert MISTAKES[arguments] in last
    assert "Traceback" not in output.err
    assert not list((tmp_path / "out").iterdir())
