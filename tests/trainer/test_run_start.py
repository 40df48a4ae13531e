"""A run that is resumed with other arguments still tells what it truly started with."""

import json
import logging

import pytest

from hf_metalr.hub import LearnedRates
from tests.trainer.tiny import make_trainer, make_vit

SAVING = {"save_strategy": "steps", "save_steps": 3, "max_steps": 6, "lr_update": "log_adam", "hyper_lr": 0.1}


def record(folder) -> LearnedRates:
    return LearnedRates.load(folder / "metalr.json")


def firsts(rates: LearnedRates) -> set[float]:
    return {group.first_lr for group in rates.layer_groups}


def test_the_first_rates_of_a_resumed_run_are_those_it_began_with(tmp_path, caplog) -> None:
    make_trainer(tmp_path, make_vit(), learning_rate=1e-3, weight_decay=0.1, **SAVING).train()
    assert firsts(record(tmp_path)) == {1e-3}
    resumed = make_trainer(tmp_path, make_vit(), learning_rate=5e-3, weight_decay=0.1, backbone_lr_scale=0.5, **SAVING)
    with caplog.at_level(logging.WARNING):
        resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-3"))
    rates = record(tmp_path)
    assert firsts(rates) == {1e-3}
    assert (rates.settings["learning_rate"], rates.settings["weight_decay"]) == (1e-3, 0.1)
    assert "backbone_lr_scale" not in rates.settings
    (told,) = [entry.getMessage() for entry in caplog.records if entry.name.endswith("run_start")]
    assert told.startswith("learning_rate=0.005 (then 0.001), backbone_lr_scale=0.5 (then 1.0): without effect")


def test_a_second_resume_still_knows_the_first_start(tmp_path) -> None:
    make_trainer(tmp_path, make_vit(), learning_rate=1e-3, **SAVING).train()
    for rate, checkpoint, steps in ((2e-3, "checkpoint-3", 9), (3e-3, "checkpoint-9", 12)):
        resumed = make_trainer(tmp_path, make_vit(), **(SAVING | {"learning_rate": rate, "max_steps": steps}))
        resumed.train(resume_from_checkpoint=str(tmp_path / checkpoint))
    assert firsts(record(tmp_path)) == {1e-3}


def test_a_run_whose_rates_were_moved_at_the_start_tells_the_moved_ones(tmp_path) -> None:
    settings = SAVING | {"trust_region": True, "learning_rate": 9e-3}
    straight = make_trainer(tmp_path, make_vit(), **settings)
    straight.train()
    assert straight.metalr is not None
    before = {group.name: group.first_lr for group in record(tmp_path).layer_groups}
    assert any(lr < 9e-3 for lr in before.values())
    assert all(lr in (9e-3, *straight.metalr.lr_bounds[name]) for name, lr in before.items())
    resumed = make_trainer(tmp_path, make_vit(), **settings)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-3"))
    assert {group.name: group.first_lr for group in record(tmp_path).layer_groups} == before


def test_the_same_arguments_get_no_word(tmp_path, caplog) -> None:
    make_trainer(tmp_path, make_vit(), **SAVING).train()
    with caplog.at_level(logging.WARNING):
        resumed = make_trainer(tmp_path, make_vit(), **SAVING)
        resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-3"))
    assert not [entry for entry in caplog.records if entry.name.endswith("run_start")]


@pytest.mark.parametrize(
    "start",
    [
        [],
        {"lrs": {}, "settings": {}},
        {"lrs": {"head": -1.0}},
        {"lrs": 3, "settings": {}},
    ],
    ids=str,
)
def test_a_damaged_start_is_refused(tmp_path, start: object) -> None:
    make_trainer(tmp_path, make_vit(), **SAVING).train()
    file = tmp_path / "checkpoint-3" / "metalr_state.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"start": start}))
    with pytest.raises(ValueError, match=r"checkpoint-3: 'start' must hold a rate for every layer group"):
        make_trainer(tmp_path, make_vit(), **SAVING).train(resume_from_checkpoint=str(file.parent))


def test_a_checkpoint_of_before_it_was_kept_is_resumed(tmp_path) -> None:
    make_trainer(tmp_path, make_vit(), **SAVING).train()
    file = tmp_path / "checkpoint-3" / "metalr_state.json"
    content = json.loads(file.read_text())
    del content["start"]
    file.write_text(json.dumps(content))
    make_trainer(tmp_path, make_vit(), **SAVING).train(resume_from_checkpoint=str(file.parent))
