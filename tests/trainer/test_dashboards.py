"""TensorBoard and Trackio show the rate of every layer group under its name, read back from what they stored."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import HANGS
from tests.trainer.tiny import make_trainer

ROOT = Path(__file__).parents[2]


def test_tensorboard_stores_each_rate_under_the_name_of_its_group(tmp_path, monkeypatch) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "events"))
    trainer = make_trainer(tmp_path, report_to="tensorboard", max_steps=4)
    trainer.train()
    events = accumulator.EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    # One chart per group, side by side: TensorBoard sorts by name, and `lr/` filters them out of all others.
    named = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"] if "lr/" in tag}
    assert list(named) == [f"train/lr/{group}" for group in trainer.learning_rates]
    for group, last in trainer.learning_rates.items():
        points = named[f"train/lr/{group}"]
        assert [point.step for point in points] == [2, 4]
        assert points[-1].value == pytest.approx(last, rel=1e-6)  # TensorBoard keeps float32
    assert len(set(trainer.learning_rates.values())) > 1


SCRIPT = """
import sys
from tests.trainer.tiny import make_trainer
trainer = make_trainer(sys.argv[1], report_to="trackio", max_steps=4, project="metalr", run_name="a run")
trainer.train()
from trackio.sqlite_storage import SQLiteStorage
logs = [row for row in SQLiteStorage.get_logs("metalr", "a run") if "train/loss" in row]
assert len(logs) == 2, logs
stored = {key: value for key, value in logs[-1].items() if "lr/" in key}
assert stored == {f"train/lr/{group}": lr for group, lr in trainer.learning_rates.items()}, stored
"""


def test_trackio_stores_each_rate_under_the_name_of_its_group(tmp_path) -> None:
    pytest.importorskip("trackio")
    environment = os.environ | {"TRACKIO_DIR": str(tmp_path / "trackio")}  # read when it is imported
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "out")], cwd=ROOT, env=environment, check=True, timeout=HANGS
    )
