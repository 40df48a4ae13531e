"""A learning rate that nobody has stated: where the rates start then, and how the user is told."""

import copy
import dataclasses
import pickle
from pathlib import Path

import pytest
import torch
from transformers import HfArgumentParser

from hf_metalr import UNSTATED, MetaLRTrainer, MetaLRTrainingArguments
from hf_metalr.hub.usage import training_code
from hf_metalr.trainer.console import MovedRatesNote, describe_chosen_rates
from hf_metalr.trainer.outcome import learned_rates_of
from tests.trainer.tiny import Images, Texts, make_bert, make_vit


def _trainer(tmp_path: Path, trainer_class: type = MetaLRTrainer, **settings) -> MetaLRTrainer:
    shared = {"use_cpu": True, "report_to": "none", "max_steps": 1, "save_strategy": "no", "disable_tqdm": True}
    args = MetaLRTrainingArguments(str(tmp_path), **(shared | settings))
    return trainer_class(make_vit(), args, train_dataset=Images(16))


def test_every_layer_starts_at_the_upper_bound_of_its_region(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path)
    trainer.create_optimizer()
    assert trainer.learning_rates == {name: bounds.high for name, bounds in trainer.metalr.lr_bounds.items()}
    assert len(set(trainer.learning_rates.values())) == 2  # body and head
    assert trainer.metalr.moved_at_start == {}


def test_a_rate_that_is_stated_is_where_the_rates_start_even_if_it_is_transformers_default(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path, learning_rate=5e-5, trust_region=False)
    trainer.create_optimizer()
    assert set(trainer.learning_rates.values()) == {5e-5}


def test_the_backbone_s_scale_acts_on_the_chosen_rates(tmp_path: Path) -> None:
    whole, scaled = _trainer(tmp_path), _trainer(tmp_path, backbone_lr_scale=0.5)
    for trainer in (whole, scaled):
        trainer.create_optimizer()
    for name, lr in whole.learning_rates.items():
        expected = lr if name == "head" else lr / 2
        assert scaled.learning_rates[name] == pytest.approx(expected)


def test_an_optimizer_that_a_subclass_builds_from_the_arguments_starts_at_chosen_rates(tmp_path: Path) -> None:
    class Own(MetaLRTrainer):
        def create_optimizer(self, model=None):
            self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=self.args.learning_rate)
            return self.optimizer

    trainer = _trainer(tmp_path, Own)
    trainer.train()
    assert trainer.metalr.first_lrs == {name: bounds.high for name, bounds in trainer.metalr.lr_bounds.items()}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "chosen from the weights"),
        ({"optim": "sgd"}, "chosen from the weights and the first gradient"),
        ({"optim": "rmsprop"}, "Transformers' default"),
        ({"trust_region": False}, "Transformers' default"),
    ],
)
def test_one_line_tells_where_unstated_rates_start(tmp_path: Path, settings: dict, words: str, monkeypatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("hf_metalr.trainer.console.logger.warning", told.append)
    trainer = _trainer(tmp_path, **settings)
    trainer.create_optimizer()
    rates = dict(trainer.learning_rates)
    trainer.train()
    assert [line for line in told if words in line and "No learning rate was stated" in line] == told
    assert len(told) == 1
    if "default" in words:
        assert set(rates.values()) == {5e-5}
    assert any(isinstance(callback, MovedRatesNote) for callback in trainer.callback_handler.callbacks)


def test_adapters_are_told_to_start_at_the_default_and_the_head_beside_them_at_a_chosen_rate() -> None:
    said = describe_chosen_rates({"layer.0": 5e-5, "layer.1": 5e-5, "head": 2e-3}, ["head"])
    assert "1 of 3 layer groups start at 2.0e-03, chosen from the weights; 2 of 3 at 5.0e-05" in said
    assert "State learning_rate" in said


@pytest.mark.parametrize("settings", [{}, {"optim": "sgd"}, {"trust_region": False}])
def test_a_run_without_a_stated_rate_resumes(tmp_path: Path, settings: dict) -> None:
    # catches: the marker itself in optimizer.pt, which torch refuses to load
    settings = settings | {"max_steps": 4, "save_strategy": "steps", "save_steps": 1}
    _trainer(tmp_path, **settings).train()
    resumed = _trainer(tmp_path, **settings)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-1"))  # before a rate has moved
    assert resumed.state.global_step == 4


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # from PEFT
def test_of_other_adapters_the_head_alone_starts_at_a_chosen_rate_and_this_is_told(tmp_path: Path, monkeypatch) -> None:
    # catches: adapters at Transformers' default that are said to start at a rate chosen from the weights
    peft = pytest.importorskip("peft")
    told: list[str] = []
    monkeypatch.setattr("hf_metalr.trainer.console.logger.warning", told.append)
    config = peft.LoHaConfig(r=2, target_modules=["query"], modules_to_save=["classifier"])
    model = peft.get_peft_model(make_bert(), config)
    args = MetaLRTrainingArguments(str(tmp_path), use_cpu=True, report_to="none", max_steps=2, save_strategy="no")
    trainer = MetaLRTrainer(model, args, train_dataset=Texts(16))
    trainer.create_optimizer()
    assert trainer.metalr.groups_in_region == ["head"]
    assert {lr for name, lr in trainer.learning_rates.items() if name != "head"} == {5e-5}
    trainer.train()
    assert "1 of 3 layer groups start at" in told[0]
    assert "2 of 3 at 5.0e-05, Transformers' default" in told[0]


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # from PEFT
def test_of_lora_all_rates_are_chosen(tmp_path: Path, monkeypatch) -> None:
    peft = pytest.importorskip("peft")
    told: list[str] = []
    monkeypatch.setattr("hf_metalr.trainer.console.logger.warning", told.append)
    config = peft.LoraConfig(r=2, target_modules=["query"], modules_to_save=["classifier"])
    args = MetaLRTrainingArguments(str(tmp_path), use_cpu=True, report_to="none", max_steps=2, save_strategy="no")
    MetaLRTrainer(peft.get_peft_model(make_bert(), config), args, train_dataset=Texts(16)).train()
    assert "3 of 3 layer groups start at" in told[0]


def test_the_rates_that_the_first_gradient_tells_are_the_recorded_start(tmp_path: Path) -> None:
    # catches: Transformers' default in the record of a run that never used it
    settings = {"optim": "sgd", "optim_args": "momentum=0.9", "max_steps": 3, "save_strategy": "steps", "save_steps": 2}
    trainer = _trainer(tmp_path, **settings)
    trainer.train()
    assert trainer._run_start().lrs == trainer.metalr.first_lrs
    assert 5e-5 not in trainer._run_start().lrs.values()
    resumed = _trainer(tmp_path, **settings)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    assert resumed._run_start().lrs == trainer._run_start().lrs


def test_a_head_that_came_with_the_weights_is_told(tmp_path: Path, monkeypatch) -> None:
    model = make_bert()
    model.classifier.bias.data.add_(0.1)
    model.save_pretrained(tmp_path / "before")
    told: list[str] = []
    monkeypatch.setattr("hf_metalr.trainer.console.logger.warning", told.append)
    args = MetaLRTrainingArguments(str(tmp_path), use_cpu=True, report_to="none", max_steps=2, save_strategy="no")
    for settings, kept in (({}, True), ({"kept_head": False}, False)):
        told.clear()
        again = type(model).from_pretrained(tmp_path / "before")
        trainer = MetaLRTrainer(again, dataclasses.replace(args, **settings), train_dataset=Texts(16))
        trainer.train()
        assert trainer.metalr.config.kept_head is kept
        assert any("kept_head=False" in line for line in told) is kept


def test_the_value_survives_copies_pickles_and_parsers_and_nothing_else(tmp_path: Path) -> None:
    args = MetaLRTrainingArguments(str(tmp_path), use_cpu=True)
    assert args.learning_rate is UNSTATED
    assert pickle.loads(pickle.dumps(args)).learning_rate is UNSTATED
    assert copy.deepcopy(args).learning_rate is UNSTATED
    parser = HfArgumentParser(MetaLRTrainingArguments)
    (parsed,) = parser.parse_args_into_dataclasses(["--output_dir", str(tmp_path), "--use_cpu"])
    assert parsed.learning_rate is UNSTATED
    (stated,) = parser.parse_args_into_dataclasses(
        ["--output_dir", str(tmp_path), "--use_cpu", "--learning_rate", "5e-5"]
    )
    assert stated.learning_rate == 5e-5
    assert stated.learning_rate is not UNSTATED
    # A hyper-parameter search casts to the type of the old value (Transformers' `_hp_search_setup`).
    assert type(type(args.learning_rate)(1e-3)) is float


def test_arguments_tell_that_no_rate_was_stated_and_can_be_built_from_what_they_tell(tmp_path: Path) -> None:
    args = MetaLRTrainingArguments(str(tmp_path), use_cpu=True)
    assert args.to_dict()["learning_rate"] is None
    assert MetaLRTrainingArguments(str(tmp_path), use_cpu=True, learning_rate=None).learning_rate is UNSTATED


def test_without_learning_the_rate_is_that_of_transformers(tmp_path: Path) -> None:
    args = MetaLRTrainingArguments(str(tmp_path), use_cpu=True, meta_estimator="off")
    assert type(args.learning_rate) is float
    assert args.learning_rate == 5e-5


def test_the_record_of_a_run_does_not_state_a_rate_that_nobody_stated(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path)
    trainer.train()
    settings = learned_rates_of(trainer, trainer._start).settings
    assert settings["learning_rate"] is None
    assert "learning_rate" not in training_code(settings, "me/model")  # and code that trains anew states none
