"""A run that is killed, starved or lied to goes on as if nothing had happened, or says in words why it does not."""

import json
import math
import multiprocessing
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from hf_metalr.engine.history import HISTORY_NAME, read_history
from tests.faults import worker
from tests.patience import HANGS
from tests.trainer.tiny import Images, make_trainer

pytestmark = pytest.mark.xdist_group("faults")  # one worker makes what these tests share

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.faults.worker"])


def start(folder: Path, estimator: str, death: str | None = None) -> int:
    """Run a worker to its end, good or bad; return its exit code (minus the signal that ended it)."""
    process = CONTEXT.Process(target=worker.run, args=(str(folder), estimator, death))
    process.start()
    process.join(HANGS)
    if process.exitcode is None:
        process.kill()
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def outcome(folder: Path) -> tuple[dict[str, Any], dict[str, float], str]:
    weights = torch.load(folder / "final.pt", weights_only=True)
    return weights, json.loads((folder / "final.json").read_text()), (folder / HISTORY_NAME).read_text()


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple]:
    """Estimator -> outcome of an undisturbed run."""
    outcomes = {}
    for estimator in ("lookahead", "next_batch"):
        folder = tmp_path_factory.mktemp(estimator)
        assert start(folder, estimator) == 0
        outcomes[estimator] = outcome(folder)
    return outcomes


def assert_recovers(folder: Path, estimator: str, straight: dict[str, tuple]) -> None:
    assert start(folder, estimator) == 0
    weights, rates, history = outcome(folder)
    expected_weights, expected_rates, expected_history = straight[estimator]
    assert all(torch.equal(weights[name], value) for name, value in expected_weights.items())
    assert rates == expected_rates
    assert history == expected_history


@pytest.mark.parametrize(
    ("estimator", "death"),
    [
        ("lookahead", "kill@2"),  # before the first checkpoint
        ("next_batch", "kill@6"),
        ("lookahead", "kill@7"),
        ("lookahead", "kill-in-meta-step@9"),
        ("lookahead", "kill-before-optimizer-file@8"),
        ("next_batch", "kill-in-optimizer-file@8"),
        ("lookahead", "kill-in-state-file@8"),
        ("next_batch", "kill-in-state-file@12"),
    ],
)
def test_a_killed_run_resumes_as_if_nothing_had_happened(tmp_path: Path, estimator: str, death: str, straight) -> None:
    # catches: resuming from half a checkpoint, lost or doubled history rows, a pending displacement that is lost
    assert start(tmp_path, estimator, death) == -signal.SIGKILL
    assert_recovers(tmp_path, estimator, straight)


def test_two_kills_in_a_row(tmp_path: Path, straight) -> None:
    assert start(tmp_path, "lookahead", "kill@6") == -signal.SIGKILL
    assert start(tmp_path, "lookahead", "kill-in-state-file@8") == -signal.SIGKILL
    assert_recovers(tmp_path, "lookahead", straight)


@pytest.mark.parametrize("estimator", ["lookahead", "next_batch"])
def test_a_full_disk_leaves_the_last_checkpoint_usable(tmp_path: Path, estimator: str, straight) -> None:
    # a limit on file sizes: writing a larger file fails as on a full disk
    assert start(tmp_path, estimator, "disk-full@5") == 1
    assert_recovers(tmp_path, estimator, straight)


def test_meta_data_that_raise_in_the_middle_leave_the_last_checkpoint_usable(tmp_path: Path, straight) -> None:
    assert start(tmp_path, "lookahead", "meta-data-raise@6") == 1
    assert_recovers(tmp_path, "lookahead", straight)


def test_sigterm_saves(tmp_path: Path, straight) -> None:
    # the stock arrangement (enable_jit_checkpoint), with the learned rates in what it saves
    assert start(tmp_path, "lookahead", "sigterm@6") == 0
    assert {path.name for path in tmp_path.glob("checkpoint-*")} == {"checkpoint-4", "checkpoint-6"}
    assert len(read_history(tmp_path / HISTORY_NAME)) < worker.STEPS
    (tmp_path / "final.pt").unlink()
    assert start(tmp_path, "lookahead") == 0
    rows = read_history(tmp_path / HISTORY_NAME)
    assert [row["step"] for row in rows] == list(range(1, worker.STEPS + 1))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("estimator", ["lookahead", "next_batch"])
def test_training_data_that_are_not_finite_move_no_rate(tmp_path: Path, estimator: str, bad: float) -> None:
    images = Images(48)
    images.pixels[:] = bad
    trainer = make_trainer(tmp_path, train=images, meta_estimator=estimator, lr_update="log_adam")
    trainer.train()
    assert set(trainer.learning_rates.values()) == {1e-3}
    assert {row["skipped"] for row in read_history(tmp_path / HISTORY_NAME)} == {"not finite"}


def test_resuming_where_nothing_was_saved_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-5").mkdir()
    with pytest.raises(ValueError, match="No valid checkpoint found in output directory"):
        make_trainer(tmp_path).train(resume_from_checkpoint=True)
