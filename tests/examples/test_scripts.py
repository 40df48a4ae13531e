"""The example scripts run from end to end with small settings, stay short, and learn rates that differ by layer."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.world import make_distilbert, write_table
from tests.patience import HANGS
from tests.trainer.tiny import assert_learned

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")  # read by PEFT

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{name}_example", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_stays_under_a_hundred_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 100


def test_image_classification(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    example = load("image_classification")
    read = example.load_dataset

    def read_few(*arguments, **settings):
        data = read(*arguments, **settings)
        return type(data)({name: part if name == "train" else part.select(range(24)) for name, part in data.items()})

    monkeypatch.setattr(example, "load_dataset", read_few)
    trainer = example.main(["--output-dir", str(tmp_path), "--epochs", "1", "--train-size", "96"])
    assert_learned(trainer)
    assert (tmp_path / "metalr.json").is_file()
    assert "test_balanced_accuracy" in capsys.readouterr().out


@pytest.mark.parametrize("adapters", [[], ["--lora", "q_lin", "v_lin"]], ids=["all weights", "LoRA"])
def test_text_classification(adapters: list[str], tmp_path: Path, capsys) -> None:
    if adapters:
        pytest.importorskip("peft")
    make_distilbert(tmp_path / "model")
    texts = [("a good film", 1), ("a bad film", 0)] * 30
    write_table(tmp_path / "texts.csv", [{"text": text, "label": label} for text, label in texts])
    places = {"--data": "texts.csv", "--model": "model", "--output-dir": "out"}
    arguments = [part for option, name in places.items() for part in (option, str(tmp_path / name))]
    trainer = load("text_classification").main([*arguments, "--epochs", "1", *adapters])
    assert_learned(trainer)
    assert ("lora" in " ".join(name for name, p in trainer.model.named_parameters() if p.requires_grad)) is bool(
        adapters
    )


def test_segmentation(tmp_path: Path, capsys) -> None:
    trainer = load("segmentation").main(["--output-dir", str(tmp_path), "--epochs", "1"])
    assert_learned(trainer)
    assert "eval_mean_dice" in capsys.readouterr().out


def test_segmentation_of_a_folder_reads_the_mask_of_the_image(tmp_path: Path) -> None:
    example = load("segmentation")
    drawn = example.Discs(example.SegformerImageProcessor(size={"height": 32, "width": 32}), None, size=3)
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for index in range(3):
        image, mask = drawn.draw(index)
        image.save(tmp_path / "images" / f"{index}.png")
        mask.save(tmp_path / "masks" / f"{index}.png")
    read = example.Discs(drawn.processor, str(tmp_path))
    assert len(read) == 3
    for index in range(3):
        assert all((read[index][key] == drawn[index][key]).all() for key in ("pixel_values", "labels"))


def test_two_processes_agree() -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(EXAMPLES.parent)}
    environment.pop("ACCELERATE_USE_CPU", None)  # tests set it, readers do not
    done = subprocess.run(
        [sys.executable, *launcher, str(EXAMPLES / "multi_process.py")],
        env=environment, capture_output=True, text=True, timeout=HANGS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "2 processes agree" in done.stdout
