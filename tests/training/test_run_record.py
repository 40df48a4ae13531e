"""Options of a run that goes on: what differs is named, refused or accepted, and recorded."""

import json
import logging
from enum import Enum
from pathlib import Path

import pytest

from hf_metalr.errors import InputError
from hf_metalr.training.run_record import RUN_NAME, Change, compare, forget, keep


class Schedule(Enum):
    COSINE = "cosine"


OPTIONS = {
    "model": "vit",
    "data": ("a", "b"),
    "learning_rate": 1e-3,
    "epochs": 3,
    "augment": "none",
    "patience": None,
    "no_flip": False,
    "set": {"warmup_steps": 10, "lr_scheduler_type": Schedule.COSINE},
    "max_lr": float("inf"),
    "groups": Path("patients.csv"),
    "output_dir": Path("out"),
    "resume": False,
    "json": False,
}


def test_the_same_options_go_on(tmp_path, caplog) -> None:
    keep(tmp_path, OPTIONS)
    with caplog.at_level(logging.INFO):
        assert compare(tmp_path, OPTIONS | {"resume": True, "json": True, "output_dir": Path("./out")}) == []
    assert not caplog.records
    content = json.loads((tmp_path / RUN_NAME).read_text())
    assert (content["schema"], content["version"], content["resumed"]) == ("hf_metalr/run", 1, [])
    assert content["options"]["set"] == {"warmup_steps": 10, "lr_scheduler_type": "cosine"}
    assert not {"output_dir", "resume", "json"} & content["options"].keys()


def test_all_that_differs_is_named_with_before_and_now(tmp_path) -> None:
    keep(tmp_path, OPTIONS)
    changed = {"learning_rate": 5e-3, "augment": "medical", "patience": 4, "set": {"warmup_steps": 20}, "epochs": 5}
    with pytest.raises(InputError) as got:
        compare(tmp_path, OPTIONS | changed)
    assert got.value.spelt(lambda name: "--" + name.replace("_", "-")) == (
        f"--resume must have the options that the run in '{tmp_path}' has had so far (run.json): "
        "--learning-rate was 0.001, now 0.005; --augment was 'none', now 'medical'; --patience was not given, now 4; "
        "--set warmup_steps was 10, now 20; --set lr_scheduler_type was 'cosine', now not given; "
        "give what was given then, or start anew in another --output-dir."
    )


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({"no_flip": True}, True),
        ({"no_flip": 0}, True),  # another kind of value
        ({"set": None}, True),
        ({"set": OPTIONS["set"] | {"logging_steps": 5, "report_to": "none"}}, False),  # say nothing of the training
        ({"max_lr": 0.1}, True),
        ({"a_later_versions": 3}, False),
        ({"data": ["a", "b"]}, False),
    ],
    ids=str,
)
def test_only_what_shapes_the_training_counts(tmp_path, changed, refused: bool) -> None:
    keep(tmp_path, OPTIONS)
    if refused:
        with pytest.raises(InputError, match="`resume` must have the options"):
            compare(tmp_path, OPTIONS | changed)
    else:
        assert compare(tmp_path, OPTIONS | changed) == []


def test_what_is_accepted_is_told_and_recorded_and_counts_from_then_on(tmp_path, caplog) -> None:
    keep(tmp_path, OPTIONS)
    longer = OPTIONS | {"epochs": 5}
    with caplog.at_level(logging.WARNING):
        changes = compare(tmp_path, longer)
    assert changes == [Change("epochs", 3, 5)]
    assert caplog.messages == ["resumed with another epochs: was 3, now 5"]
    keep(tmp_path, longer, changes)
    assert compare(tmp_path, longer) == []
    assert compare(tmp_path, OPTIONS) == [Change("epochs", 5, 3)]
    content = json.loads((tmp_path / RUN_NAME).read_text())
    assert content["options"]["epochs"] == 3
    assert content["resumed"] == [[{"option": "epochs", "before": 3, "now": 5, "key": None}]]
    fields = OPTIONS | {"set": {"warmup_steps": 20}}
    keep(tmp_path, fields, compare(tmp_path, fields, accepted=("set", "epochs")))
    assert compare(tmp_path, fields) == []


def test_without_a_record_nothing_is_compared_and_that_is_told(tmp_path, caplog) -> None:
    keep(tmp_path, OPTIONS)
    forget(tmp_path)
    forget(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert compare(tmp_path, OPTIONS) == []
    assert "has no run.json" in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{",
        '{"schema": "hf_metalr/run", "version": 2, "options": {}, "resumed": []}',
        '{"schema": "hf_metalr/run", "version": 1, "options": [], "resumed": []}',
        '{"schema": "hf_metalr/run", "version": 1, "options": {}, "resumed": [[{"option": "epochs"}]]}',
    ],
)
def test_a_damaged_record_is_refused(tmp_path, content: str) -> None:
    (tmp_path / RUN_NAME).write_text(content)
    with pytest.raises(ValueError, match=r"run\.json"):
        compare(tmp_path, OPTIONS)
