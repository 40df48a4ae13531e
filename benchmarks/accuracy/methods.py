"""How each method trains: a Trainer made as a user would make it, handed back when it has trained."""

from collections.abc import Callable
from dataclasses import replace

from transformers import Trainer

from benchmarks.accuracy.rivals import (
    auto_lr,
    blocks,
    controls,
    heads,
    l2_sp,
    layer_rates,
    loss_driven,
    meta_optimize,
    parameter_free,
    recipes,
    released,
)
from benchmarks.accuracy.task import Task, make_trainer
from benchmarks.accuracy.variants import variant
from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments

_QUERIES_AND_VALUES = ["query", "value", "q_proj", "v_proj"]  # of BERT's kind, and of DINOv2 in Transformers 5


def adamw(task: Task) -> Trainer:
    """Fine-tune everything at one rate. Settings: ``schedule``, ``warmup_steps``."""
    settings = task.settings(schedule="constant", warmup_steps=0)
    changes = {"lr_scheduler_type": settings["schedule"], "warmup_steps": settings["warmup_steps"]}
    return _trained(make_trainer(task, changes))


def head_10x(task: Task) -> Trainer:
    """Fine-tune with the backbone at a tenth of the head's rate. Settings: ``schedule``."""
    changes = {"lr_scheduler_type": task.settings(schedule="constant")["schedule"]}
    changes |= {"meta_estimator": "off", "backbone_lr_scale": 0.1}
    return _trained(make_trainer(task, changes, MetaLRTrainer, MetaLRTrainingArguments))


def metalr(task: Task) -> Trainer:
    """Learn the rates. Settings: those of `MetaLRTrainingArguments`."""
    return _trained(make_trainer(task, dict(task.cell.settings), MetaLRTrainer, MetaLRTrainingArguments))


def metalr_lora(task: Task) -> Trainer:
    """Learn the rates of LoRA on attention's queries and values, and of the head. Settings as of ``metalr``."""
    from peft import LoraConfig, get_peft_model  # of this method alone

    config = LoraConfig(r=8, lora_alpha=16, target_modules=_QUERIES_AND_VALUES, modules_to_save=["classifier"])
    return metalr(replace(task, network=get_peft_model(task.network, config)))  # type: ignore[arg-type]


def unadapted(task: Task) -> Trainer:
    """Train nothing: what the network can do as it comes."""
    task.settings()
    return make_trainer(task, {"learning_rate": 0.0})


def _trained(trainer: Trainer) -> Trainer:
    trainer.train()
    return trainer


METHODS: dict[str, Callable[[Task], Trainer]] = {
    "adamw": adamw,
    "head_10x": head_10x,
    "metalr": metalr,
    "metalr_lora": metalr_lora,
    "unadapted": unadapted,
    "block_only": blocks.block_only,
    "head_only": heads.head_only,
    "first_last": heads.first_last,
    "lp_ft": heads.lp_ft,
    "gradual_unfreezing": heads.gradual_unfreezing,
    "layer_decay": layer_rates.layer_decay,
    "auto_rgn": layer_rates.auto_rgn,
    "auto_lr": auto_lr.auto_lr,
    "l2_sp": l2_sp.l2_sp,
    "prodigy": parameter_free.prodigy,
    "schedule_free": parameter_free.schedule_free,
    "dog": parameter_free.dog,
    "ldog": parameter_free.ldog,
    "prodigy_plus": parameter_free.prodigy_plus,
    "meta_optimize": meta_optimize.meta_optimize,
    "gen": loss_driven.gen,
    "mechanic": loss_driven.mechanic,
    "greedy_lr": loss_driven.greedy_lr,
    "autogluon": recipes.autogluon,
    "ultralytics": recipes.ultralytics,
    "lightly_train": recipes.lightly_train,
    "released": released.released,
    "published": released.published,
    "variant": variant,
    "replay": controls.replay,
    "replay_shuffled": controls.replay_shuffled,
    "replay_mean": controls.replay_mean,
}
