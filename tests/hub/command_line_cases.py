"""From data on the Hub to a model on the Hub and on to the next run, without Python. Run as `cases.py` is."""

import json

import pytest
from huggingface_hub import create_repo, upload_folder
from PIL import Image
from transformers import ViTImageProcessor

from hf_metalr.cli import main
from hf_metalr.hub import LEARNED_RATES_NAME, LearnedRates
from tests.hub.cases import forbidden
from tests.hub.loopback import PUBLIC, card, files, hub
from tests.trainer.tiny import make_vit

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # huggingface_hub's own upload


@pytest.fixture
def _base_and_shots(folder):
    """A backbone and a set of images on the Hub, nothing on this machine."""
    make_vit().push_to_hub("alice/base")
    ViTImageProcessor(size={"height": 16, "width": 16}).push_to_hub("alice/base")
    for number in range(24):
        place = folder / ("sick" if number % 2 else "well")
        place.mkdir(parents=True, exist_ok=True)
        Image.new("L", (20, 20), 10 * number).save(place / f"{number}.png")
    create_repo("alice/shots", repo_type="dataset")
    upload_folder(repo_id="alice/shots", repo_type="dataset", folder_path=folder)


def result_of(capsys, command, *arguments):
    capsys.readouterr()
    code = main([command, *map(str, arguments), "--json"])
    said = capsys.readouterr()
    assert code == 0, said.err[-2000:]
    return json.loads(said.out)


@pytest.mark.usefixtures("_base_and_shots")
def test_from_the_hub_to_the_hub_and_on(folder, capsys):
    data = ("--data", "alice/shots", "--batch-size", 8, "--seed", 1)
    quick = ("--epochs", 2, "--set", "disable_tqdm=true")
    result = result_of(
        capsys, "train", "--model", "alice/base", *data, *quick, "--output-dir", folder / "out",
        "--push-to-hub", "alice/scans", "--private",
    )  # fmt: skip
    assert set(files()) == PUBLIC | {"preprocessor_config.json", "metrics.json"}
    assert (card()["base_model"], card()["datasets"]) == ("alice/base", ["alice/shots"])
    ((shown,),) = (model["results"] for model in card()["model-index"])
    accuracy = next(metric["value"] for metric in shown["metrics"] if metric["type"] == "balanced_accuracy")
    assert accuracy == pytest.approx(result["metrics"]["validation"]["balanced_accuracy"])
    assert not [content for content in hub.received if any(text in content for text in forbidden())]
    result_of(
        capsys, "train", "--model", "alice/base", *data, *quick, "--output-dir", folder / "again",
        "--init-lrs", "alice/scans",
    )  # fmt: skip
    first, second = (LearnedRates.load(folder / name / LEARNED_RATES_NAME).layer_groups for name in ("out", "again"))
    assert [group.first_lr for group in second] == pytest.approx([group.late_lr for group in first])
    ranked = result_of(capsys, "rank", "alice/base", "alice/scans", *data, "--bootstraps", 100)
    assert {model["name"] for model in ranked["models"]} == {"alice/base", "alice/scans"}
