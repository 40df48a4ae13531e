"""Features of `Trainer` that go on working under learned rates; `docs/compatibility.md` names the tests."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    EarlyStoppingCallback,
    SchedulerType,
)

from hf_metalr import MetaLRTrainingArguments
from hf_metalr.engine.history import HISTORY_NAME, read_history
from tests.trainer.tiny import (
    ESTIMATORS,
    Images,
    Texts,
    arguments,
    assert_learned,
    language,
    make_bert,
    make_gpt2,
    make_plain_trainer,
    make_trainer,
    make_vit,
)

FIELDS = MetaLRTrainingArguments.__dataclass_fields__  # older Transformers have other names


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_early_stopping(tmp_path: Path, estimator: str) -> None:
    trainer = make_trainer(
        tmp_path,
        eval_dataset=Images(9),
        eval_strategy="steps",
        eval_steps=1,
        save_strategy="steps",
        save_steps=1,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=True,
        callbacks=[EarlyStoppingCallback(early_stopping_patience=2)],
        meta_estimator=estimator,
        lr_update="log_adam",
        max_steps=20,
    )
    trainer.train()
    assert trainer.state.global_step < 20
    assert len(read_history(tmp_path / HISTORY_NAME)) == trainer.state.global_step - (estimator == "next_batch")


@pytest.mark.skipif("greedy" not in {kind.value for kind in SchedulerType}, reason="not in this Transformers")
def test_greedy_schedule(tmp_path: Path) -> None:
    trainer = make_trainer(
        tmp_path,
        lr_scheduler_type="greedy",
        lr_scheduler_kwargs={"min_lr": 1e-5},
        eval_dataset=Images(9),
        eval_strategy="steps",
        eval_steps=1,
        lr_update="log_adam",
    )
    trainer.train()
    assert_learned(trainer)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_frozen_parameters_stay(tmp_path: Path, estimator: str) -> None:
    model = make_vit()
    model.vit.embeddings.requires_grad_(False)
    before = model.vit.embeddings.cls_token.clone()
    trainer = make_trainer(tmp_path, model, meta_estimator=estimator, lr_update="log_adam")
    trainer.train()
    assert torch.equal(model.vit.embeddings.cls_token, before)
    assert "embeddings" not in trainer.learning_rates
    assert_learned(trainer)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_tied_weights_and_item_counts_of_a_language_model(tmp_path: Path, estimator: str) -> None:
    model = make_gpt2()
    trainer = make_trainer(
        tmp_path, model, language(), meta_estimator=estimator, lr_update="log_adam", gradient_accumulation_steps=2
    )
    trainer.train()
    assert model.lm_head.weight is model.transformer.wte.weight
    assert trainer.model_accepts_loss_kwargs  # its loss really is divided by the number of items
    assert_learned(trainer)


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_activation_checkpointing_learns_the_same_rates(tmp_path: Path, estimator: str, reentrant: bool) -> None:
    name = "activation" if "activation_checkpointing" in FIELDS else "gradient"
    settings: dict[str, Any] = {"meta_estimator": estimator, "lr_update": "log_adam"}
    stored = make_trainer(tmp_path / "stored", make_bert(), Texts(48), **settings)
    stored.train()
    settings |= {f"{name}_checkpointing": True, f"{name}_checkpointing_kwargs": {"use_reentrant": reentrant}}
    recomputed = make_trainer(tmp_path / "recomputed", make_bert(), Texts(48), **settings)
    recomputed.train()
    assert recomputed.learning_rates == pytest.approx(stored.learning_rates, rel=1e-6)
    assert_learned(recomputed)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_torch_compile_learns_the_same_rates(tmp_path: Path, estimator: str) -> None:
    settings: dict[str, Any] = {"meta_estimator": estimator, "lr_update": "log_adam"}
    eager = make_trainer(tmp_path / "eager", make_vit(dropout=0.0), **settings)
    eager.train()
    settings |= {"torch_compile": True, "torch_compile_backend": "eager"}
    compiled = make_trainer(tmp_path / "compiled", make_vit(dropout=0.0), **settings)
    compiled.train()
    assert type(compiled.model_wrapped).__name__ == "OptimizedModule"
    assert compiled.learning_rates == pytest.approx(eager.learning_rates, rel=1e-5)
    assert_learned(compiled)


@pytest.mark.parametrize("meta_batch_size", [None, 8])
def test_auto_find_batch_size_also_shrinks_the_meta_batch(tmp_path: Path, meta_batch_size: int | None) -> None:
    settings = {"lr_update": "log_adam", "max_steps": 4, "meta_batch_size": meta_batch_size}
    trainer = make_trainer(tmp_path, auto_find_batch_size=True, per_device_train_batch_size=8, **settings)
    healthy, sizes = trainer.compute_loss, []

    def compute_loss(model, inputs, *args, **kwargs):
        sizes.append(len(inputs["labels"]))
        if sizes[-1] > 4:
            raise RuntimeError("CUDA out of memory. (what a smaller device would say)")
        return healthy(model, inputs, *args, **kwargs)

    trainer.compute_loss = compute_loss
    trainer.train()
    assert max(sizes[-8:]) <= 4  # training and meta batches in turn
    assert [row["step"] for row in read_history(tmp_path / HISTORY_NAME)] == [1, 2, 3, 4]
    assert_learned(trainer)


def test_hyperparameter_search_keeps_one_history_per_trial(tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    trainer = make_trainer(
        tmp_path,
        model_init=lambda: make_vit(),
        eval_dataset=Images(9),
        eval_strategy="steps",
        eval_steps=6,
        lr_update="log_adam",
    )
    best = trainer.hyperparameter_search(
        hp_space=lambda trial: {"hyper_lr": trial.suggest_float("hyper_lr", 0.01, 0.1, log=True)}, n_trials=2
    )
    assert 0.01 <= best.hyperparameters["hyper_lr"] <= 0.1
    rows = [read_history(tmp_path / f"run-{trial}" / HISTORY_NAME) for trial in range(2)]
    assert [len(trial) for trial in rows] == [6, 6]
    assert rows[0][-1]["base_lr"] != rows[1][-1]["base_lr"]


@pytest.mark.parametrize(
    "settings",
    [
        {"neftune_noise_alpha": 5.0},
        {"train_sampling_strategy": "group_by_length"}
        if "train_sampling_strategy" in FIELDS
        else {"group_by_length": True},
        {"torch_empty_cache_steps": 2},
    ],
)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_text_features(tmp_path: Path, settings: dict, estimator: str) -> None:
    trainer = make_trainer(tmp_path, make_bert(), Texts(48), meta_estimator=estimator, lr_update="log_adam", **settings)
    trainer.train()
    assert_learned(trainer)


def test_meta_batches_are_drawn_without_grouping_by_length(tmp_path: Path) -> None:
    grouped = (
        {"train_sampling_strategy": "group_by_length"}
        if "train_sampling_strategy" in FIELDS
        else {"group_by_length": True}
    )
    drawn = []
    for name, settings in (("plain", {}), ("grouped", grouped)):
        trainer = make_trainer(tmp_path / name, make_bert(), Texts(48), meta_estimator="lookahead", **settings)
        losses: list[list[list[int]]] = []
        compute = trainer.compute_loss

        def noted(model, inputs, *args, compute=compute, losses=losses, **kwargs):
            losses.append(inputs["input_ids"].tolist())
            return compute(model, inputs, *args, **kwargs)

        trainer.compute_loss = noted
        trainer.train()
        drawn.append((losses[0::2], losses[1::2]))  # training and meta batches take turns
    (plain_train, plain_meta), (grouped_train, grouped_meta) = drawn
    assert grouped_meta == plain_meta
    assert grouped_train != plain_train


def test_schedule_free_optimizers_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="running average of its steps"):
        arguments(tmp_path, optim="schedule_free_adamw")
    schedulefree = pytest.importorskip("schedulefree")
    model = make_vit()
    optimizer = schedulefree.AdamWScheduleFree(model.parameters(), lr=1e-3)
    with pytest.raises(ValueError, match="not proportional to the learning rate"):
        make_trainer(tmp_path, model, optimizers=(optimizer, None)).train()


def test_the_mean_over_epochs_of_an_evaluation_in_training_is_untouched_by_meta_batches(tmp_path: Path) -> None:
    # catches: a meta loader that registers with accelerate and truncates gathered metrics to its own remainder
    seen: list[int] = []

    def count(prediction) -> dict[str, float]:
        seen.append(len(prediction.label_ids))
        return {}

    make_trainer(
        tmp_path,
        train=Images(46),
        meta_dataset=Images(5, seed=2),
        eval_dataset=Images(13),
        eval_strategy="steps",
        eval_steps=2,
        compute_metrics=count,
    ).train()
    assert seen == [13, 13, 13]


@pytest.mark.parametrize(
    "settings",
    [
        {"accelerator_config": {"split_batches": True}},
        {"accelerator_config": {"dispatch_batches": False, "even_batches": False}},
        {"accelerator_config": {"dispatch_batches": True}},
        {"dataloader_drop_last": True, "num_train_epochs": 1, "max_steps": -1},
        {"eval_strategy": "steps", "eval_steps": 3, "eval_on_start": True, "batch_eval_metrics": True},
        {"eval_strategy": "epoch", "num_train_epochs": 1, "max_steps": -1, "prediction_loss_only": True},
        {"logging_nan_inf_filter": False, "logging_first_step": True},
        {"dataloader_num_workers": 1, "dataloader_persistent_workers": True},
        {"weight_decay": 0.1, "max_grad_norm": 0.0},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_smaller_features(tmp_path: Path, settings: dict) -> None:
    trainer = make_trainer(
        tmp_path,
        eval_dataset=Images(9),
        lr_update="log_adam",
        compute_metrics=lambda prediction, compute_result=True: {},
        **settings,
    )
    trainer.train()
    assert_learned(trainer)


def test_input_tokens_are_those_of_the_training_batches(tmp_path: Path) -> None:
    # catches: meta batches counted as training data
    settings = {"include_num_input_tokens_seen": "all", "logging_steps": 1}
    counts = []
    for make, folder in ((make_trainer, "metalr"), (make_plain_trainer, "plain")):
        trainer = make(tmp_path / folder, make_bert(), Texts(48), **settings)
        trainer.train()
        counts.append([row.get("num_input_tokens_seen") for row in trainer.state.log_history[:-1]])
    assert counts[0] == counts[1]
    assert counts[0][0] > 0


def test_callback_states_and_skipped_data_come_back(tmp_path: Path) -> None:
    settings = {"lr_update": "log_adam", "restore_callback_states_from_checkpoint": True, "ignore_data_skip": True}
    make_trainer(tmp_path, save_strategy="steps", save_steps=3, **settings).train()
    resumed = make_trainer(tmp_path, **settings)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-3"))
    assert [row["step"] for row in read_history(tmp_path / HISTORY_NAME)] == [1, 2, 3, 4, 5, 6]
    assert_learned(resumed)
