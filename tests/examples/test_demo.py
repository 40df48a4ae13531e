"""The demo runs from end to end on a few images, and leaves behind what it promises."""

import importlib.util
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification

from hf_metalr.engine.history import read_history
from hf_metalr.hub import LearnedRates

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"


@pytest.fixture(scope="module")
def demo():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DEMO.parent)  # as Python does for a script
        spec = importlib.util.spec_from_file_location("demo", DEMO)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def report(demo):
    import demo_report

    return demo_report


def few(data):
    return type(data)({"train": data["train"], **{s: data[s].select(range(24)) for s in ("validation", "test")}})


def of_balanced_accuracies(report, **runs):
    """Results by run, from pairs of validation and test."""
    return {
        run: {
            split: dict.fromkeys(report.METRICS, value)
            for split, value in zip(("validation", "test"), pair, strict=True)
        }
        for run, pair in runs.items()
    }


def test_demo_writes_everything_it_names(demo, tmp_path, monkeypatch, capsys):
    load_all = demo.load_data
    trained = []

    class Watched(demo.Trainer):
        def train(self):
            trained.append((self.args.learning_rate, self.args.lr_scheduler_type))
            return super().train()

    monkeypatch.setattr(demo, "load_data", lambda *arguments: few(load_all(*arguments)))
    monkeypatch.setattr(demo, "Trainer", Watched)
    short = ["--epochs", "1", "--train-size", "64", "--learning-rates", "1e-3", "5e-5"]
    demo.main(["--output-dir", str(tmp_path), *short])

    assert trained == [(5e-5, "linear"), (1e-3, "linear")]
    told = LearnedRates.load(tmp_path / "metalr.json").settings
    assert told["learning_rate"] is None
    assert told["lr_scheduler_type"] == "linear"
    rows = read_history(tmp_path / "metalr_history.jsonl")
    assert [row["step"] for row in rows] == [2]  # of two steps, the second judges the first
    for picture in ("learned_rates.png", "accuracy_by_rate.png"):
        with Image.open(tmp_path / picture) as opened:
            assert opened.width > 1000
    assert AutoModelForImageClassification.from_pretrained(tmp_path).config.id2label == {0: "normal", 1: "pneumonia"}
    assert AutoImageProcessor.from_pretrained(tmp_path).size["height"] == 64
    card = ModelCard.load(tmp_path / "README.md")
    assert {result.dataset_split for result in card.data.eval_results} == {"validation", "test"}
    assert "(learned_rates.png)" in card.text
    assert "at the rate that validation chooses of 2 (Trainer, " in card.text
    printed = capsys.readouterr().out
    table = printed[printed.index("validation ") :]
    for name in ("start", "Trainer, 5e-5", "Trainer, 1e-3", "MetaLR, no rate", " *", "learned_rates.png", "README.md"):
        assert name in table


def test_the_plain_rate_is_chosen_on_validation_alone(report):
    results = of_balanced_accuracies(report, start=(1, 1), low=(0.8, 0.9), high=(0.9, 0.7), metalr=(1, 1))
    assert report.choose_plain(results, {"low": 1e-4, "high": 1e-3}) == "high"


def test_of_equal_plain_rates_the_lowest_is_chosen(report):
    results = of_balanced_accuracies(report, high=(0.9, 0.9), low=(0.9, 0.1))
    assert report.choose_plain(results, {"high": 1e-3, "low": 1e-4}) == "low"


def test_the_table_marks_the_chosen_run_alone(report, capsys):
    report.print_table(of_balanced_accuracies(report, low=(0.8, 0.9), high=(0.91, 0.7)), "high")
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["low", *["0.800"] * 3, *["0.900"] * 3] in rows
    assert ["high", "*", *["0.910"] * 3, *["0.700"] * 3] in rows


def test_the_picture_shows_each_split_with_metalr_as_a_level_line(report):
    runs = {"low": (0.8, 0.9), "high": (0.91, 0.7), report.METALR: (0.85, 0.75)}
    figure = report.plot_accuracy(of_balanced_accuracies(report, **runs), {"low": 1e-4, "high": 1e-3}, "high")
    for axes, plain, level in zip(figure.axes, [(0.8, 0.91), (0.9, 0.7)], (0.85, 0.75), strict=True):
        curve, ring, line = axes.lines
        assert curve.get_xdata().tolist() == [1e-4, 1e-3]
        assert tuple(curve.get_ydata()) == plain
        assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (1e-3, plain[1])
        assert list(line.get_ydata()) == [level, level]


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
