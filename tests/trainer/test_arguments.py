"""Arguments out of range, and what is refused in words."""

import math
from pathlib import Path

import pytest
from transformers import HfArgumentParser, TrainingArguments

from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments
from hf_metalr.engine import MetaLRConfig
from tests.trainer.tiny import Images, arguments, assert_learned, make_trainer, make_vit


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hyper_lr": 0.0}, r"`hyper_lr` must be above 0; found 0\.0.*meta_estimator='off'"),
        ({"hyper_lr": "1e-3"}, r"`hyper_lr` must be a finite number; found '1e-3' \(str\).*write 1\.0e-3"),
        ({"hyper_lr": float("inf")}, "`hyper_lr` must be a finite number; found inf"),
        ({"hyper_lr_decay": float("-inf")}, "`hyper_lr_decay` must be a finite number or inf; found -inf"),
        ({"hyper_lr_decay": float("nan")}, "`hyper_lr_decay` must be a finite number or inf; found nan"),
        ({"head_hold_epochs": float("nan")}, "`head_hold_epochs` must be a finite number; found nan"),
        ({"meta_batch_size": 2.5}, r"`meta_batch_size` must be an integer; found 2\.5"),
        ({"meta_every": True}, "`meta_every` must be an integer; found True"),
        ({"hyper_lr": -1.0}, "`hyper_lr` must be above 0"),
        ({"min_lr": 1e-2, "max_lr": 1e-4}, "0 < min_lr <= max_lr"),
        ({"meta_estimator": "look-ahead"}, "`meta_estimator` must be one of 'lookahead', 'next_batch', 'off'"),
        ({"lr_update": "adam"}, "`lr_update` must be one of"),
        ({"meta_every": 0}, "`meta_every` must be an integer of at least 1"),
        ({"meta_batch_size": 0}, "`meta_batch_size` must be at least 1"),
        ({"meta_split": 1.0}, "`meta_split` must lie strictly between 0 and 1"),
        ({"meta_split": 0.1, "meta_estimator": "next_batch"}, "`meta_split` 0.1 has no effect"),
        ({"backbone_lr_scale": 0.0}, "`backbone_lr_scale` must be above 0"),
        ({"head_hold_steps": -1}, "must not be negative"),
        ({"head_hold_steps": 1, "head_hold_epochs": 1.0}, "not both"),
        ({"optim": "lomo"}, "`optim` 'lomo' steps inside the backward pass"),
        ({"optim": "adalomo"}, "`optim` 'adalomo' steps inside the backward pass"),
        ({"optim": "galore_adamw_layerwise"}, "steps inside the backward pass"),
        ({"optim": "apollo_adamw_layerwise"}, "steps inside the backward pass"),
        ({"deepspeed": {"zero_optimization": {"stage": 1}}}, "`deepspeed` is not supported"),
    ],
)
def test_bad_arguments_are_refused_in_words(tmp_path: Path, settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        arguments(tmp_path, **settings)


def test_plain_training_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`args` must be MetaLRTrainingArguments"):
        MetaLRTrainer(make_vit(), TrainingArguments(str(tmp_path), use_cpu=True), train_dataset=Images(4))


def test_an_unknown_grouping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="layer"):
        make_trainer(tmp_path, layer_groups="layers").train()


def test_a_frozen_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="trainable"):
        make_trainer(tmp_path, make_vit().requires_grad_(False)).train()


def test_a_rate_outside_the_bounds_that_were_given_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`max_lr` is 0\.01, .* lies outside"):
        make_trainer(tmp_path, learning_rate=0.1, max_lr=1e-2).train()


@pytest.mark.parametrize("start", [1e-9, 0.1, 1.0])
@pytest.mark.parametrize("optim", ["sgd", "adamw_torch"])
def test_a_start_far_off_is_fine_and_learned_from(tmp_path: Path, start: float, optim: str) -> None:
    # catches: bounds that nobody set, and that refuse where users of SGD start
    trainer = make_trainer(tmp_path, learning_rate=start, optim=optim, lr_update="log_adam", max_grad_norm=1.0)
    trainer.train()
    assert_learned(trainer)
    assert all(
        trainer.metalr.wide_bounds.low <= lr <= trainer.metalr.wide_bounds.high
        for lr in trainer.learning_rates.values()
    )


def test_the_papers_bounds_follow_a_start_that_is_overridden(tmp_path: Path) -> None:
    assert (
        MetaLRTrainingArguments.paper(str(tmp_path)).min_lr,
        MetaLRTrainingArguments.paper(str(tmp_path)).max_lr,
    ) == (1e-6, 1e-2)
    assert MetaLRTrainingArguments.paper(str(tmp_path), learning_rate=0.1).max_lr is None
    assert MetaLRTrainingArguments.paper(str(tmp_path), learning_rate=0.1, max_lr=0.2).max_lr == 0.2


def test_the_command_line_knows_every_setting(tmp_path: Path) -> None:
    # catches: a help text with a bare percent sign, a type that the parser cannot read
    parser = HfArgumentParser(MetaLRTrainingArguments)
    assert "--backbone_lr_scale" in parser.format_help()
    command = [
        "--output_dir",
        str(tmp_path),
        "--use_cpu",
        "--layer_groups",
        '{"classifier": "top"}',
        "--hyper_lr",
        "0.2",
    ]
    (args,) = parser.parse_args_into_dataclasses(command)
    assert args.layer_groups == {"classifier": "top"}
    assert args.hyper_lr == 0.2


def test_the_command_line_can_keep_the_hyper_lr_and_switch_the_trust_region_off(tmp_path: Path) -> None:
    parser = HfArgumentParser(MetaLRTrainingArguments)
    given = ["--output_dir", str(tmp_path), "--use_cpu", "--hyper_lr_decay", "inf", "--no_trust_region"]
    (args,) = parser.parse_args_into_dataclasses(given)
    assert args.metalr_config().effective_hyper_lr_decay == math.inf
    assert args.metalr_config().trust_region is False


def test_the_trainer_s_defaults_are_the_engine_s(tmp_path: Path) -> None:
    # catches: two homes for one default
    args = MetaLRTrainingArguments(str(tmp_path), use_cpu=True, lr_scheduler_type="constant")
    assert args.metalr_config() == MetaLRConfig()


@pytest.mark.parametrize(
    ("settings", "drift"),
    [
        ({}, 0.5),  # linear, as Transformers has it
        ({"lr_scheduler_type": "cosine"}, 0.5),
        ({"lr_scheduler_type": "constant_with_warmup"}, 0.0),
        ({"lr_scheduler_type": "cosine", "upward_drift": 0.25}, 0.25),
        ({"lr_scheduler_type": "linear", "lr_update": "proportional"}, 0.0),
    ],
)
def test_rates_drift_upwards_under_a_schedule_that_decays(tmp_path: Path, settings: dict, drift: float) -> None:
    config = MetaLRTrainingArguments(str(tmp_path), use_cpu=True, **settings).metalr_config()
    assert config.upward_drift == drift
    assert config.common_share == (0.5 if drift else 0.0)


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, True),
        ({"kept_head": False}, False),
        ({"lr_scheduler_type": "constant"}, False),  # not measured there
        ({"lr_scheduler_type": "constant", "kept_head": True}, True),
        ({"common_share": 0.5}, False),
        ({"lr_update": "proportional"}, False),
    ],
)
def test_a_head_that_looks_trained_counts_where_nothing_else_was_asked_for(
    tmp_path: Path, settings: dict, kept: bool
) -> None:
    config = MetaLRTrainingArguments(str(tmp_path), use_cpu=True, **settings).metalr_config(kept_head=True)
    assert config.kept_head is kept
