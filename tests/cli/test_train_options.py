"""The options of `train` are the fields of the training arguments, and what the user sets wins."""

import argparse
import dataclasses
import math

import pytest
from transformers import HfArgumentParser, TrainingArguments
from transformers.integrations import get_available_reporting_integrations

from hf_metalr import MetaLRTrainingArguments
from hf_metalr.cli import main
from hf_metalr.cli.commands.train import add_options, config_from
from hf_metalr.data.labels.tasks import Task
from hf_metalr.errors import InputError
from hf_metalr.options.learned_rates import LearnedRateOptions
from hf_metalr.training.arguments import training_arguments

TASK = Task("classification", "image")
NAMES = [field.name for field in dataclasses.fields(LearnedRateOptions)]


def build(*arguments: str, task: Task = TASK, validated: bool = True) -> MetaLRTrainingArguments:
    parser = argparse.ArgumentParser()
    add_options(parser)
    line = ["--model", "m", "--data", "d", "--output-dir", "o", *arguments]
    return training_arguments(config_from(parser.parse_args(line)), task, validated)


def test_the_options_are_the_fields_that_the_class_adds():
    inherited = {field.name for field in dataclasses.fields(TrainingArguments)}
    own = [field.name for field in dataclasses.fields(MetaLRTrainingArguments) if field.name not in inherited]
    assert own == NAMES


def test_every_field_of_the_class_is_an_option_that_reaches_it():
    given = {
        "meta_estimator": "lookahead", "lr_update": "log_adam", "hyper_lr": 0.05, "hyper_lr_decay": 30.0,
        "common_share": 0.25, "upward_drift": 0.75, "kept_head": True,
        "meta_every": 2, "meta_batch_size": 3, "min_lr": 1e-7, "max_lr": 0.1, "max_lr_change": 3.0,
        "layer_groups": "tensor", "backbone_lr_scale": 0.5, "head_hold_steps": 4, "meta_split": 0.25,
        "init_lrs": "somewhere", "report_transferability": True, "trust_region": False,
    }  # fmt: skip
    line = []
    for name, value in given.items():
        option = name.replace("_", "-")
        line.append(
            {True: f"--{option}", False: f"--no-{option}"}[value] if type(value) is bool else f"--{option}={value}"
        )
    args = build(*line)
    assert {name: getattr(args, name) for name in given} == given
    assert build("--head-hold-epochs", "1.5").head_hold_epochs == 1.5
    assert build("--meta-estimator=next_batch", "--lr-update=log_adam", "--meta-horizon=3").meta_horizon == 3
    assert build("--hyper-lr-decay", "inf").hyper_lr_decay == math.inf
    assert given.keys() | {"head_hold_epochs", "meta_horizon"} == {
        field.name for field in dataclasses.fields(LearnedRateOptions)
    }


def test_what_is_not_given_has_the_default_of_the_class():
    args, plain = build(), MetaLRTrainingArguments("o")
    for name in [
        *NAMES,
        "learning_rate",
        "num_train_epochs",
        "weight_decay",
        "seed",
    ]:
        expected = 0 if name == "seed" else getattr(plain, name)  # 0 is the seed of every command
        assert getattr(args, name) == expected, name


def test_the_best_model_is_chosen_by_the_metric_in_its_direction():
    assert (build().metric_for_best_model, build().greater_is_better) == ("balanced_accuracy", True)
    regression = build(task=Task("regression", "text"))
    assert (regression.metric_for_best_model, regression.greater_is_better) == ("rmse", False)
    assert build("--metric", "loss").greater_is_better is False
    assert build(validated=False).load_best_model_at_end is False


def test_any_other_field_is_set_by_name_and_wins():
    args = build("--set", "warmup_steps=5", "lr_scheduler_type=cosine", "save_total_limit=1", "weight_decay=1e-3")
    assert (args.warmup_steps, str(args.lr_scheduler_type.value), args.save_total_limit) == (5, "cosine", 1)
    assert args.weight_decay == 1e-3
    args = build("--set", "warmup_steps=5", "weight_decay=1", "--set", "weight_decay=2")  # adds up, the last counts
    assert (args.warmup_steps, args.weight_decay) == (5, 2)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("warmup_step=5", r"'warmup_step' is no field of TrainingArguments\. The fields are: warmup_steps"),
        ("learning_rate=1", r"^`settings` 'learning_rate': use `learning_rate`, which sets it"),
        ("lr_scheduler_type=cosin", r"^`settings` lr_scheduler_type: Transformers refuses it: .*cosin"),
        ("weight_decay=much", r"'weight_decay' must be a number or true or false, found 'much'"),
    ],
)
def test_what_is_no_field_or_value_is_refused(setting, message):
    with pytest.raises(InputError, match=message):
        build("--set", setting)


def test_a_dashboard_that_is_not_installed_is_told_with_its_command():
    absent = sorted({"clearml", "comet_ml", "neptune", "swanlab"} - set(get_available_reporting_integrations()))[0]
    with pytest.raises(InputError, match=rf"^`settings` report_to: {absent} is not installed: `pip install {absent}`"):
        build("--set", f"report_to={absent}")


def test_a_refused_value_is_blamed_on_its_own_option():
    with pytest.raises(InputError, match=r"^`hyper_lr` must be above 0; found -1"):
        build("--hyper-lr", "-1", "--set", "warmup_steps=5")
    with pytest.raises(InputError, match=r"^`settings` lr_scheduler_type: Transformers refuses it"):
        build("--set", "warmup_steps=5", "lr_scheduler_type=cosin")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (("--learning-rate", "-1"), "--learning-rate: must be a finite number of at least 0, found '-1'"),
        (("--learning-rate", "nan"), "--learning-rate: must be a finite number of at least 0, found 'nan'"),
        (("--epochs", "-2"), "--epochs: must be a finite number of at least 0, found '-2'"),
        (("--epochs", "ten"), "--epochs: must be a finite number of at least 0, found 'ten'"),
        (("--seed", "-1"), "--seed: must be a whole number from 0 to 4294967295, found '-1'"),
        (("--group-pattern", "p("), "--group-pattern: must be a regular expression, found 'p('"),
        (("--layer-groups", "{bad"), "--layer-groups: must be a word or a JSON object, found '{bad'"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_before_the_data_are_read(line, message, capsys):
    given = ["train", "--model", "m", "--data", "no/such/data.csv", "--output-dir", "o", *line]
    assert main(given) == 2
    assert message in capsys.readouterr().err


def test_a_rate_of_nothing_and_patterns_of_layers_are_let_through():
    assert build("--learning-rate", "0", "--meta-estimator", "off").learning_rate == 0
    assert build("--layer-groups", '{"encoder": "body"}').layer_groups == {"encoder": "body"}


def test_options_do_not_depend_on_what_transformers_parser_has_seen_before(capsys):
    HfArgumentParser(MetaLRTrainingArguments)  # it rewrites the types of the fields it has seen
    assert main(["train", "--model", "m", "--data", "no/such", "--output-dir", "o", "--layer-groups", "{bad"]) == 2
    assert "must be a word or a JSON object" in capsys.readouterr().err
