"""The demo runs from end to end on a few images, and leaves behind what it promises."""

import importlib.util
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification

from hf_metalr.engine.history import read_history

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


@pytest.fixture(scope="module")
def demo():
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_demo_writes_everything_it_names(demo, tmp_path, monkeypatch, capsys):
    load_all = demo.load_data

    def load_few(*arguments):
        data = load_all(*arguments)
        return type(data)({"train": data["train"], **{s: data[s].select(range(24)) for s in ("validation", "test")}})

    monkeypatch.setattr(demo, "load_data", load_few)
    demo.main(["--output-dir", str(tmp_path), "--epochs", "1", "--train-size", "64"])

    rows = read_history(tmp_path / "metalr_history.jsonl")
    assert [row["step"] for row in rows] == [2]  # of two steps, the second judges the first
    with Image.open(tmp_path / "learned_rates.png") as picture:
        assert picture.width > 1000
    assert AutoModelForImageClassification.from_pretrained(tmp_path).config.id2label == {0: "normal", 1: "pneumonia"}
    assert AutoImageProcessor.from_pretrained(tmp_path).size["height"] == 64
    card = ModelCard.load(tmp_path / "README.md")
    assert {result.dataset_split for result in card.data.eval_results} == {"validation", "test"}
    assert (tmp_path / "learned_rates.png").name in card.text
    table = capsys.readouterr().out
    for name in ("start", "plain Trainer", "MetaLR", "learned_rates.png", "README.md"):
        assert name in table


def test_training_images_are_stratified_and_seeded(demo):
    processor = AutoImageProcessor.from_pretrained(demo.NETWORK)
    train = demo.load_data(processor, 100, seed=0)["train"].with_format(None)
    assert train["label"][:].count(1) == 74  # 3494 of 4708
    again = demo.load_data(processor, 100, seed=0)["train"].with_format(None)
    other = demo.load_data(processor, 100, seed=1)["train"].with_format(None)
    images = [[image.tobytes() for image in part["image"]] for part in (train, again, other)]
    assert images[0] == images[1]
    assert images[0] != images[2]


def test_a_model_that_was_saved_wrong_is_noticed(demo, tmp_path):
    processor = AutoImageProcessor.from_pretrained(demo.NETWORK)
    images = demo.load_data(processor, 100, seed=0)["validation"]
    demo.load_network(["normal", "pneumonia"], seed=0).save_pretrained(tmp_path)
    demo.require_equal_logits(demo.load_network(["normal", "pneumonia"], seed=0), tmp_path, images)
    with pytest.raises(RuntimeError, match="answers otherwise"):
        demo.require_equal_logits(demo.load_network(["normal", "pneumonia"], seed=1), tmp_path, images)
