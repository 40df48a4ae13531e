"""Rates in a trainer: initial values, schedules, holds, logs, history."""

import json
import math
from pathlib import Path

import pytest
import torch
from transformers import TrainerCallback

from hf_metalr import MetaLRTrainingArguments
from hf_metalr.engine.history import HISTORY_NAME, read_history
from tests.trainer.tiny import Images, arguments, make_trainer, make_vit

GROUPS = ["embeddings", "layer.0", "layer.1", "norm", "head"]


def test_learning_rates_run_from_input_to_output(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    assert trainer.learning_rates == {}
    trainer.train()
    assert list(trainer.learning_rates) == GROUPS


@pytest.mark.parametrize("estimator", ["lookahead", "next_batch"])
@pytest.mark.parametrize(
    "scheduler",
    ["constant", "linear", "cosine", "cosine_with_restarts", "polynomial", "inverse_sqrt", "constant_with_warmup"],
)
def test_the_schedule_multiplies_the_learned_rates(tmp_path: Path, scheduler: str, estimator: str) -> None:
    # catches: a scheduler that overwrites learned rates with its own base rates
    trainer = make_trainer(
        tmp_path, lr_update="log_adam", lr_scheduler_type=scheduler, meta_estimator=estimator, warmup_steps=2
    )
    factors = []

    class Factors(TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, optimizer=None, lr_scheduler=None, **kwargs):
            factors.append(lr_scheduler.lr_lambdas[0](state.global_step))

    trainer.add_callback(Factors())
    trainer.train()
    rows = read_history(tmp_path / HISTORY_NAME)
    assert [row["step"] for row in rows] == list(range(1 if estimator == "lookahead" else 2, 7))
    for row in rows:
        for name in GROUPS:
            expected = row["base_lr"][name] * factors[row["step"] - 1]
            assert row["effective_lr"][name] == pytest.approx(expected, rel=1e-9)
    assert trainer.learning_rates == rows[-1]["base_lr"]
    assert len(set(trainer.learning_rates.values())) > 2


@pytest.mark.parametrize("scheduler", ["reduce_lr_on_plateau", "cosine_warmup_with_min_lr", "warmup_stable_decay"])
def test_other_schedulers_train(tmp_path: Path, scheduler: str) -> None:
    extra = {
        "reduce_lr_on_plateau": {"eval_strategy": "steps", "eval_steps": 1, "eval_dataset": Images(6)},
        "cosine_warmup_with_min_lr": {"lr_scheduler_kwargs": {"min_lr_rate": 0.1}},
        "warmup_stable_decay": {"lr_scheduler_kwargs": {"num_decay_steps": 2}, "warmup_steps": 1},
    }[scheduler]
    trainer = make_trainer(tmp_path, lr_update="log_adam", lr_scheduler_type=scheduler, **extra)
    trainer.train()
    assert len(set(trainer.learning_rates.values())) > 2


def test_a_plateau_scales_the_learned_rates_themselves(tmp_path: Path) -> None:
    # catches: a cut that the next meta step takes back
    trainer = make_trainer(
        tmp_path,
        lr_update="log_adam",
        hyper_lr=1e-9,
        max_steps=4,
        lr_scheduler_type="reduce_lr_on_plateau",
        lr_scheduler_kwargs={"factor": 0.5, "patience": 0, "threshold": 0.99},  # no loss is good enough after the first
        eval_strategy="steps",
        eval_steps=1,
        eval_dataset=Images(6),
    )
    trainer.train()
    assert trainer.learning_rates == pytest.approx(dict.fromkeys(GROUPS, 1e-3 * 0.5**3), rel=1e-6)


def test_the_backbone_starts_at_its_share_of_the_rate(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, backbone_lr_scale=0.1, hyper_lr=1e-9)
    trainer.train()
    expected = dict.fromkeys(GROUPS, 1e-4) | {"head": 1e-3}
    assert trainer.learning_rates == pytest.approx(expected, rel=1e-6)


def test_the_backbone_scale_also_holds_when_rates_are_not_learned(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, backbone_lr_scale=0.1, meta_estimator="off", lr_scheduler_type="constant")
    trainer.train()
    assert {group["lr"] for group in trainer.optimizer.param_groups} == {1e-4, 1e-3}


@pytest.mark.parametrize("hold", [{"head_hold_steps": 4}, {"head_hold_epochs": 1 / 3}])
def test_the_head_is_held_at_first(tmp_path: Path, hold: dict) -> None:
    make_trainer(tmp_path, lr_update="log_adam", **hold).train()  # 12 steps an epoch
    rates = [row["base_lr"]["head"] for row in read_history(tmp_path / HISTORY_NAME)]
    assert rates[:4] == [1e-3] * 4
    assert rates[4] != 1e-3


def test_named_rates_reach_the_log_history_as_floats_but_not_the_console(tmp_path: Path, capsys) -> None:
    trainer = make_trainer(tmp_path, lr_update="log_adam")
    trainer.train()
    rows = [row for row in trainer.state.log_history if "loss" in row]
    assert len(rows) == 3
    for row in rows:
        assert [key for key in row if key.startswith("lr/")] == [f"lr/{name}" for name in GROUPS]
        assert all(type(row[f"lr/{name}"]) is float for name in GROUPS)
        assert math.isfinite(row["meta_loss"])
    json.dumps(trainer.state.log_history)
    console = capsys.readouterr().out
    assert "lr/" not in console
    assert "layer_lrs" in console


def test_a_bad_meta_batch_moves_nothing_and_is_logged(tmp_path: Path) -> None:
    poisoned = Images(48)
    poisoned.pixels[:] = math.nan
    trainer = make_trainer(tmp_path, meta_dataset=poisoned)
    trainer.train()
    assert set(trainer.learning_rates.values()) == {1e-3}
    assert trainer.state.log_history[0]["meta_steps_skipped"] == 2
    rows = read_history(tmp_path / HISTORY_NAME)
    assert [row["skipped"] for row in rows] == ["not finite"] * 6
    assert all(row["meta_loss"] is None for row in rows)


def test_a_second_train_call_goes_on_from_the_learned_rates(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, lr_update="log_adam", hyper_lr=0.03, hyper_lr_decay=math.inf)
    trainer.train()
    first = trainer.learning_rates
    trainer.train()
    rows = read_history(tmp_path / HISTORY_NAME)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]  # the history is that of the latest run
    assert all(abs(math.log(rows[0]["base_lr"][name] / first[name])) < 0.1 for name in GROUPS)
    assert trainer.learning_rates != first


def test_model_init_starts_every_run_from_the_initial_rates(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, model_init=lambda: make_vit(), lr_update="log_adam")
    trainer.train()
    first = trainer.learning_rates
    trainer.train()
    assert trainer.learning_rates == first


def test_custom_losses_train(tmp_path: Path) -> None:
    def loss(outputs, labels, num_items_in_batch=None):
        return torch.nn.functional.multi_margin_loss(outputs.logits, labels)

    trainer = make_trainer(tmp_path, compute_loss_func=loss, lr_update="log_adam")
    trainer.train()
    assert len(set(trainer.learning_rates.values())) > 2


def test_the_users_own_optimizer_and_scheduler_train(tmp_path: Path) -> None:
    model = make_vit()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5)
    trainer = make_trainer(tmp_path, model, optimizers=(optimizer, scheduler), lr_update="log_adam")
    trainer.train()
    row = read_history(tmp_path / HISTORY_NAME)[-1]
    assert row["effective_lr"]["head"] == pytest.approx(row["base_lr"]["head"] * 0.5)
    assert len(set(trainer.learning_rates.values())) > 2


def test_the_papers_preset(tmp_path: Path) -> None:
    args = MetaLRTrainingArguments.paper(str(tmp_path), num_train_epochs=2, use_cpu=True)
    assert (args.lr_update, args.hyper_lr, args.min_lr, args.max_lr) == ("proportional", 0.1, 1e-6, 1e-2)
    assert (args.meta_estimator, args.trust_region) == ("lookahead", False)
    assert (args.learning_rate, args.backbone_lr_scale, args.head_hold_epochs) == (1e-2, 0.1, 5.0)
    assert (args.per_device_train_batch_size, args.num_train_epochs) == (128, 2)


def test_arguments_survive_their_dictionary(tmp_path: Path) -> None:
    args = arguments(tmp_path, layer_groups='{"classifier": "top"}', meta_split=0.25)
    assert args.layer_groups == {"classifier": "top"}
    kept = ("output_dir", "layer_groups", "meta_split", "meta_estimator")
    again = MetaLRTrainingArguments(**{key: args.to_dict()[key] for key in kept})
    assert (again.layer_groups, again.meta_split) == ({"classifier": "top"}, 0.25)


@pytest.mark.parametrize(("rate", "times"), [(0.0, 1), (1e-3, 0)])
def test_rates_of_zero_get_one_word(tmp_path: Path, caplog: pytest.LogCaptureFixture, rate: float, times: int) -> None:
    # catches: a run without a word that changes no weight
    trainer = make_trainer(tmp_path, learning_rate=rate)
    trainer.train()
    assert [record.levelname for record in caplog.records if "nothing will be learned" in record.message] == (
        ["WARNING"] * times
    )
    assert any(trainer.learning_rates.values()) == bool(rate)
