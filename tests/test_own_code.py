"""Models with code of their own: the flag is asked for by name, and everything that reads a model takes their class."""

import json
import subprocess
import sys

import pytest
import torch

from hf_metalr import transferability_profile
from hf_metalr.cli import main
from hf_metalr.data.labels.tasks import Task
from hf_metalr.errors import InputError
from hf_metalr.hub import LearnedRates
from hf_metalr.hub.usage import loading_code
from hf_metalr.loading import own_auto_class, read_config
from hf_metalr.training.models import load_model
from tests.cli.train import QUICK
from tests.own_code import save_own_model
from tests.training.tables import save_images, save_vit

IMAGES = Task("classification", "image")


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return save_own_model(tmp_path_factory.mktemp("own") / "net")


@pytest.fixture(scope="module")
def trained(net, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    data, out = save_images(folder / "data"), folder / "out"
    arguments = ["train", "--model", net, "--data", data, "--output-dir", out, "--trust-remote-code", *QUICK]
    assert main(list(map(str, arguments))) == 0
    return out


def test_every_reader_asks_for_the_flag_by_its_name(net) -> None:
    for call in (
        lambda: load_model(str(net), IMAGES, ["a", "b"]),
        lambda: read_config(str(net), trust_remote_code=False),
        lambda: transferability_profile(str(net), str(net)),
    ):
        with pytest.raises(
            InputError, match=r"^`trust_remote_code` must be on to load '.*net', which comes with"
        ) as got:
            call()
        assert "\n" not in str(got.value)


def test_a_fine_tune_keeps_the_code_and_its_processors(trained) -> None:
    assert {"configuration_own.py", "modeling_own.py", "processing_own.py"} <= {path.name for path in trained.iterdir()}
    assert load_model(str(trained), IMAGES, ["bright", "dark"], trust_remote_code=True).new == frozenset()


def test_the_transferability_of_such_a_fine_tune_is_measured(net, trained) -> None:
    profile = transferability_profile(str(trained), str(net), random_draws=1, trust_remote_code=True)
    assert [layer.name for layer in profile.layers] == ["layer.0", "layer.1", "head"]
    assert all(layer.transferability > 0 for layer in profile.layers[:2])


def test_a_class_of_any_name_is_ranked(tmp_path) -> None:
    # its configuration names one auto class, and its name tells no task
    folder, data = save_own_model(tmp_path / "net", "OwnNet"), save_images(tmp_path / "data")
    assert main(["rank", str(folder), "--data", str(data), "--trust-remote-code"]) == 0


def test_a_class_that_is_registered_nowhere_is_said_to_be_the_authors(tmp_path) -> None:
    code = loading_code("transformers", "OwnNet", "me/net", None, own_code=True)
    assert code == '# OwnNet is a class of the author\'s own code\n\nmodel = OwnNet.from_pretrained("me/net")'


def test_a_class_of_its_own_with_a_librarys_configuration_is_kept_or_told_to_be_replaced(tmp_path) -> None:
    # transformers#46165; without the flag Transformers takes its own class in silence
    folder = save_vit(tmp_path / "vit")
    code = "from transformers import ViTForImageClassification\n\n\nclass Mine(ViTForImageClassification):\n    pass\n"
    (folder / "modeling_mine.py").write_text(code, encoding="utf-8")
    config = json.loads((folder / "config.json").read_text())
    config |= {"architectures": ["Mine"], "auto_map": {"AutoModelForImageClassification": "modeling_mine.Mine"}}
    (folder / "config.json").write_text(json.dumps(config))
    kept, replaced = (
        load_model(str(folder), IMAGES, ["a", "b"], trust_remote_code=trusted) for trusted in (True, False)
    )
    assert type(kept.model).__name__ == "Mine"
    assert not any("own, which was not run" in note for note in kept.notes)
    assert any("loaded as the library's ViTForImageClassification" in note for note in replaced.notes)
    kept.model.save_pretrained(tmp_path / "saved")
    assert (tmp_path / "saved" / "modeling_mine.py").is_file()
    profile = transferability_profile(str(tmp_path / "saved"), str(folder), random_draws=1, trust_remote_code=True)
    assert profile.layers


def test_a_model_at_hand_brings_its_code_for_the_other_end(net) -> None:
    # no flag: nothing of the folder's code runs
    model = load_model(str(net), IMAGES, ["a", "b"], trust_remote_code=True).model
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.1)
    assert transferability_profile(model, str(net), random_draws=1).pretrained == str(net)


def test_the_card_shows_code_that_runs(trained) -> None:
    card = (trained / "README.md").read_text(encoding="utf-8")
    code = card.split("```python\n")[1].split("```")[0].replace("path/to/this/folder", str(trained))
    assert "trust_remote_code=True" in code
    assert "a Transformers model with code of its own" in card
    done = subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    rates = LearnedRates.load(trained / "metalr.json")
    assert (rates.model_class, rates.loaded_by) == ("OwnForImageClassification", "AutoModelForImageClassification")


@pytest.mark.parametrize(
    ("auto_map", "architectures", "expected"),
    [
        ({}, ["ViTModel"], None),
        ({"AutoConfig": "c.Own"}, ["Own"], None),
        ({"AutoModel": "m.Own", "AutoModelForImageClassification": "m.OwnHead"}, ["OwnHead"], "…Classification"),
        ({"AutoModelForImageClassification": "them/net--m.OwnHead", "AutoModel": "m.Own"}, ["Own"], "AutoModel"),
        ({"AutoModelForImageClassification": "m.OwnHead", "AutoModel": "m.Own"}, None, "AutoModel"),
        ({"AutoModelForImageClassification": "them/net--m.OwnHead"}, ["Other"], "…Classification"),
    ],
)
def test_the_auto_class_is_that_of_what_was_saved(auto_map, architectures, expected) -> None:
    from transformers import PreTrainedConfig

    config = PreTrainedConfig(architectures=architectures, **({"auto_map": auto_map} if auto_map else {}))
    assert own_auto_class(config) == (expected and expected.replace("…", "AutoModelForImage"))
