"""How each method trains: a Trainer made as a user would make it, handed back when it has trained."""

from collections.abc import Callable

from transformers import Trainer

from benchmarks.accuracy.task import Task, make_trainer
from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments


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


def _trained(trainer: Trainer) -> Trainer:
    trainer.train()
    return trainer


METHODS: dict[str, Callable[[Task], Trainer]] = {"adamw": adamw, "head_10x": head_10x, "metalr": metalr}
