"""Checkpoints that are damaged, edited, of another run or half-written: one clear error each, or the last whole one."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from hf_metalr.engine import MetaLR
from hf_metalr.engine.history import HISTORY_NAME, read_history
from hf_metalr.trainer.checkpoint import PREVIOUS_PARAMETERS_NAME, STATE_NAME, read_engine_state
from hf_metalr.trainer.recovery import last_complete_checkpoint
from tests.trainer.test_resume import SAVING
from tests.trainer.tiny import make_trainer


def saved(tmp_path: Path, **settings: Any) -> Path:
    make_trainer(tmp_path, **(SAVING | {"max_steps": 5} | settings)).train()
    return tmp_path / "checkpoint-5"


def resume(checkpoint: Path, tmp_path: Path, **settings: Any) -> None:
    make_trainer(tmp_path / "again", **(SAVING | settings)).train(resume_from_checkpoint=str(checkpoint))


@pytest.mark.parametrize("settings", [{"meta_estimator": "off"}, {"save_only_model": True}])
def test_a_checkpoint_without_rates_is_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    checkpoint = saved(tmp_path, **settings)
    with pytest.raises(ValueError, match="was written without learned rates"):
        resume(checkpoint, tmp_path)


def test_a_checkpoint_with_rates_is_refused_without(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    with pytest.raises(ValueError, match=r"was written with learned rates.*meta_estimator='off'"):
        resume(checkpoint, tmp_path, meta_estimator="off")


def test_a_checkpoint_of_another_estimator_or_grouping_is_refused(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    with pytest.raises(ValueError, match="estimator='lookahead'"):
        resume(checkpoint, tmp_path, meta_estimator="next_batch")
    with pytest.raises(ValueError, match="layer_groups"):
        resume(checkpoint, tmp_path, layer_groups="tensor")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "is not valid JSON"),
        (lambda text: text.replace('"step": 5', '"step": "5"'), "step"),
        (lambda text: text.replace('"step": 5', '"step": -5'), "step"),
        (lambda text: json.dumps({k: v for k, v in json.loads(text).items() if k != "rule"}), "rule"),
        (lambda text: json.dumps(json.loads(text) | {"rule": {"head": [0.1, -1.0, 3]}}), "rule"),
        (lambda text: json.dumps(json.loads(text) | {"rule": {"../head": [0.1, 1.0, 3]}}), "rule"),
        (lambda text: json.dumps(json.loads(text) | {"rule": {"head": [0.1, 1.0]}}), "rule"),
        (lambda text: json.dumps(json.loads(text) | {"rule": {"head": [-1e300, 1.0, 3]}}), "rule"),
        (lambda text: json.dumps(json.loads(text) | {"rule": {"head": [0.1, 1.0, 3.5]}}), "rule"),
        (lambda text: json.dumps(json.loads(text) | {"rule": {"head": [0.1, 1.0, 600]}}), "rule"),
        (lambda text: text.replace('"step": 5', '"step": ' + "9" * 400), "step"),
        (lambda text: '{"step":' * 100_000, "is not valid JSON"),
        (lambda text: text.replace('"learning_rates"', '"rates"'), "learning_rates"),
        (lambda text: json.dumps([1, 2]), "JSON object"),
        (lambda text: text.replace('"skipped": 0', '"skipped": NaN'), "skipped"),
    ],
)
def test_a_damaged_state_file_is_one_clear_error(tmp_path: Path, damage, message: str) -> None:
    checkpoint = saved(tmp_path)
    file = checkpoint / STATE_NAME
    before = file.read_text()
    file.write_text(damage(before))
    assert file.read_text() != before
    with pytest.raises(ValueError, match=message) as caught:
        resume(checkpoint, tmp_path)
    assert STATE_NAME in str(caught.value)


BOUNDS = {name: [1e-5, 1e-3] for name in ("embeddings", "layer.0", "layer.1", "norm", "head")}


@pytest.mark.parametrize(
    "bounds",
    [
        None,
        list(BOUNDS.values()),
        {name: BOUNDS[name] for name in list(BOUNDS)[1:]},
        BOUNDS | {"tail": [1e-5, 1e-3]},
        *(
            BOUNDS | {"head": ends}
            for ends in ([1e-3, 1e-5], [0.0, 1e-3], [-1e-3, 1e-3], [1e-5], [1e-5, 1e-3, 1e-2], [1e-5, math.inf],
                         [math.nan, 1e-3], [True, 2], "ab", {"low": 1e-5, "high": 1e-3}, None)
        ),
    ],
    ids=str,
)  # fmt: skip
def test_odd_bounds_are_one_clear_error(bounds: Any, checkpoint_of_bounds: tuple[MetaLR, Path]) -> None:
    engine, checkpoint = checkpoint_of_bounds
    state = json.loads((checkpoint / STATE_NAME).read_text())
    (checkpoint / STATE_NAME).write_text(json.dumps(state | {"lr_bounds": BOUNDS}))
    assert read_engine_state(engine, checkpoint)["lr_bounds"] == BOUNDS
    (checkpoint / STATE_NAME).write_text(json.dumps(state | {"lr_bounds": bounds}))
    with pytest.raises(ValueError, match=rf"{STATE_NAME}: 'lr_bounds' must map every layer group"):
        read_engine_state(engine, checkpoint)


@pytest.fixture(scope="module")
def checkpoint_of_bounds(tmp_path_factory: pytest.TempPathFactory) -> tuple[MetaLR, Path]:
    """An engine, and a checkpoint that fits it."""
    folder = tmp_path_factory.mktemp("bounds")
    checkpoint = saved(folder)
    trainer = make_trainer(folder / "again", **SAVING)
    trainer.create_optimizer_and_scheduler(9)
    return trainer.metalr, checkpoint


def test_damaged_displacements_are_one_clear_error(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path, meta_estimator="next_batch")
    file = checkpoint / PREVIOUS_PARAMETERS_NAME
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=PREVIOUS_PARAMETERS_NAME):
        resume(checkpoint, tmp_path, meta_estimator="next_batch")
    file.unlink()
    with pytest.raises(ValueError, match=PREVIOUS_PARAMETERS_NAME):
        resume(checkpoint, tmp_path, meta_estimator="next_batch")


def test_rates_out_of_bounds_in_a_checkpoint_are_refused(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    state = torch.load(checkpoint / "optimizer.pt", weights_only=True)
    for group in state["param_groups"]:
        group["initial_lr"] = 5.0
    torch.save(state, checkpoint / "optimizer.pt")
    with pytest.raises(ValueError, match="another base rate for layer group 'embeddings'"):
        resume(checkpoint, tmp_path)


def test_swapped_layer_groups_in_a_checkpoint_are_refused(tmp_path: Path) -> None:
    # catches: the rate of one layer silently given to another
    checkpoint = saved(tmp_path)
    state = torch.load(checkpoint / "optimizer.pt", weights_only=True)
    first, last = state["param_groups"][0], state["param_groups"][-1]
    first["layer_group"], last["layer_group"] = last["layer_group"], first["layer_group"]
    torch.save(state, checkpoint / "optimizer.pt")
    with pytest.raises(ValueError, match="its parameters belong to"):
        resume(checkpoint, tmp_path)


def test_a_scheduler_with_other_rates_is_refused(tmp_path: Path) -> None:
    # catches: training at rates that no log shows
    checkpoint = saved(tmp_path)
    state = torch.load(checkpoint / "scheduler.pt", weights_only=True)
    state["base_lrs"][0] *= 1.5
    torch.save(state, checkpoint / "scheduler.pt")
    with pytest.raises(ValueError, match="another base rate for layer group 'embeddings'"):
        resume(checkpoint, tmp_path)


@pytest.mark.parametrize("lr", [1.0, -1.0, float("nan")])
def test_an_effective_rate_that_the_scheduler_did_not_give_is_refused(tmp_path: Path, lr: float) -> None:
    # catches: one step at any rate whatever
    checkpoint = saved(tmp_path)
    state = torch.load(checkpoint / "optimizer.pt", weights_only=True)
    state["param_groups"][0]["lr"] = lr
    torch.save(state, checkpoint / "optimizer.pt")
    with pytest.raises(ValueError, match="another effective rate for layer group 'embeddings'"):
        resume(checkpoint, tmp_path)


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt"])
def test_a_checkpoint_that_lost_its_rates_is_refused(tmp_path: Path, name: str) -> None:
    # catches: Transformers passes over both files in silence, and the rates start again
    checkpoint = saved(tmp_path)
    (checkpoint / name).unlink()
    with pytest.raises(ValueError, match=f"lacks {name}"):
        resume(checkpoint, tmp_path)


def test_the_state_of_another_checkpoint_is_refused(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path, max_steps=10)
    state = (tmp_path / "checkpoint-10" / STATE_NAME).read_text()
    (checkpoint / STATE_NAME).write_text(state)
    with pytest.raises(ValueError, match="was recorded beside it"):
        resume(checkpoint, tmp_path)


def test_a_run_that_goes_on_elsewhere_takes_its_history_along(tmp_path: Path) -> None:
    # catches: rows before the checkpoint that are lost, rows of another run that stay
    checkpoint = saved(tmp_path / "first", max_steps=9)
    make_trainer(tmp_path / "again", seed=7).train()
    resume(checkpoint, tmp_path)
    histories = [(tmp_path / run / HISTORY_NAME).read_text() for run in ("first", "again")]
    assert histories[0] == histories[1]


def test_a_new_run_does_not_mind_an_old_history(tmp_path: Path) -> None:
    (tmp_path / HISTORY_NAME).write_bytes(b"\xff\xfe not JSON\n")
    make_trainer(tmp_path).train()
    assert [row["step"] for row in read_history(tmp_path / HISTORY_NAME)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("line", [b"[1]", b'{"base_lr": {}}', b'{"step": "1"}', b"\xff", b"[" * 100_000])
def test_a_damaged_history_is_one_clear_error(tmp_path: Path, line: bytes) -> None:
    (tmp_path / HISTORY_NAME).write_bytes(b'{"step": 1}\n' + line + b'\n{"step": 3}\n')
    with pytest.raises(ValueError, match=r"Line 2 of .* is not the row of a meta step"):
        read_history(tmp_path / HISTORY_NAME)


def test_a_history_behind_a_link_stays_there(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "far.jsonl").write_text('{"step": 9}\n')
    (tmp_path / "run" / HISTORY_NAME).symlink_to(tmp_path / "far.jsonl")
    make_trainer(tmp_path / "run").train()
    assert (tmp_path / "run" / HISTORY_NAME).is_symlink()
    assert len(read_history(tmp_path / "far.jsonl")) == 6


@pytest.mark.parametrize("world_size", [1, 2])
def test_the_newest_whole_checkpoint_is_found_whatever_the_number_of_processes(tmp_path: Path, world_size: int) -> None:
    # catches: going back to an older checkpoint, or finding none, because another number of processes wrote the newest
    saved(tmp_path, max_steps=10)
    assert last_complete_checkpoint(tmp_path, world_size) == str(tmp_path / "checkpoint-10")
    state = json.loads((tmp_path / "checkpoint-10" / STATE_NAME).read_text())
    (tmp_path / "checkpoint-10" / STATE_NAME).write_text(json.dumps(state | {"world_size": 2}))  # two random states
    assert last_complete_checkpoint(tmp_path, world_size) == str(tmp_path / "checkpoint-5")


def test_a_run_that_dies_inside_an_older_runs_checkpoint_leaves_it_incomplete(tmp_path: Path) -> None:
    # catches: new weights beside an old optimizer, taken for a whole checkpoint
    saved(tmp_path)
    trainer = make_trainer(tmp_path, **(SAVING | {"max_steps": 5, "seed": 11}))

    def die(output_dir: str) -> None:
        raise OSError("killed here")

    trainer._save_optimizer_and_scheduler = die
    with pytest.raises(OSError, match="killed here"):
        trainer.train()
    assert last_complete_checkpoint(tmp_path) is None
