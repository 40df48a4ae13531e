"""The sandbox runs its rules from a file, keeps what it has, and reads Fashion-MNIST as it is distributed."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import images, sandbox
from benchmarks.accuracy.assets import Assets
from benchmarks.accuracy.images import load_images
from benchmarks.accuracy.store import read_results


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eighty pictures whose brightness tells their class, in the files of Fashion-MNIST."""
    (tmp_path / "fashion-mnist").mkdir()
    for kind in ("train", "t10k"):
        labels = (np.arange(80) % 10).astype(np.uint8)
        pictures = np.repeat(20 * labels[:, None], 28 * 28, axis=1).astype(np.uint8)
        pictures[:, 0] = np.arange(80)  # the first pixel numbers them
        for name, header, content in (("images-idx3", 16, pictures), ("labels-idx1", 8, labels)):
            with gzip.open(tmp_path / "fashion-mnist" / f"{kind}-{name}-ubyte.gz", "wb") as file:
                file.write(bytes(header) + content.tobytes())
    parts = {"train": slice(0, 40), "validation": slice(40, 60), "test": slice(0, 20)}
    monkeypatch.setattr(images, "FASHION_MNIST_PARTS", parts)
    return tmp_path


def test_fashion_mnist_is_read_in_parts_that_do_not_overlap(folder: Path) -> None:
    splits = load_images("fashion_mnist", 28, Assets((folder,), folder / "cache"))
    assert splits["train"].inputs[:, 0, 0, 0].tolist() == list(range(40))
    assert splits["validation"].inputs[:, 0, 0, 0].tolist() == list(range(40, 60))
    assert all((split.inputs[:, 0, 5, 5] == 20 * split.labels).all() for split in splits.values())


def test_rules_run_once_each_and_start_from_the_same_network(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for name, value in {"STEPS": 3, "BATCH": 4, "SIZE": 10, "PRETRAINING_STEPS": 2, "RATES": (1e-3,)}.items():
        monkeypatch.setattr(sandbox, name, value)
    monkeypatch.setattr(sandbox, "FIXED_RATES", (1e-3,))
    monkeypatch.setattr(sandbox, "TASKS", (("cnn", "fashion"), ("vit", "fashion")))
    monkeypatch.chdir(folder)
    (folder / "rules.yaml").write_text("fixed: {rule: null}\nstill: {rule: {hyper_lr: 0.0}}\nfast: {rule: {}}")
    command = [str(folder / "rules.yaml"), "--assets", str(folder), "--seeds", "0", "--out", str(folder / "out.jsonl")]
    sandbox.main(command)
    first = read_results(folder / "out.jsonl")
    assert [row["name"] for row in first] == ["fixed", "fixed", "still", "still", "fast", "fast"]
    # A rule that moves nothing is the fixed rate, to the last digit.
    assert [row["balanced_accuracy"] for row in first[:2]] == [row["balanced_accuracy"] for row in first[2:4]]
    capsys.readouterr()
    sandbox.main(command)
    assert read_results(folder / "out.jsonl") == first
    assert capsys.readouterr().out == ""
