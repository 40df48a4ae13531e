"""Parts of a network: head only, first and last layer, linear probing then fine-tuning, gradual unfreezing."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from torch import nn
from transformers import Trainer, TrainerCallback

from benchmarks.accuracy.task import Task, make_trainer
from hf_metalr.layer_groups import make_layer_groups


def head_only(task: Task) -> Trainer:
    """Train the head on frozen features. Settings: ``schedule``."""
    trainer = make_trainer(task, {"lr_scheduler_type": task.settings(schedule="constant")["schedule"]})
    freeze_backbone(task.network)
    trainer.train()
    return trainer


def first_last(task: Task) -> Trainer:
    """Train the first layer group and the head, everything between them frozen with its batch statistics."""
    trainer = make_trainer(task, {})
    groups = make_layer_groups(task.network)
    freeze_all_but(task.network, {name for group in (groups[0], groups[-1]) for name in group.parameter_names})
    trainer.train()
    return trainer


def lp_ft(task: Task) -> Trainer:
    """Linear probing for half of the steps, then fine-tuning at the cell's rate (Kumar et al., arXiv 2202.10054).

    The steps of both are those of the cell: the probe is no gift. Settings: ``head_rate`` of the probing, ``schedule``
    of either half.
    """
    settings = task.settings(head_rate=1e-3, schedule="constant")
    schedule = {"schedule": settings["schedule"]}
    steps = task.cell.steps // 2
    probe = replace(task.cell, steps=steps, rate=settings["head_rate"], settings=schedule)
    head_only(replace(task, cell=probe))
    release_backbone(task.network)
    trainer = make_trainer(task, {"max_steps": task.cell.steps - steps, "lr_scheduler_type": settings["schedule"]})
    trainer.train()
    return trainer


def gradual_unfreezing(task: Task) -> Trainer:
    """Train the head, then one layer group more at a time from the top (Howard & Ruder, arXiv 1801.06146).

    All are free at half of the steps.
    """
    trainer = make_trainer(task, {}, callbacks=[_Unfreezing(task.network, max(task.cell.steps // 2, 1))])
    trainer.create_optimizer()  # while every parameter is trainable: the frozen ones join later
    trainer.train()
    return trainer


class _Unfreezing(TrainerCallback):
    def __init__(self, network: nn.Module, steps: int) -> None:
        self._parameters = dict(network.named_parameters())
        self._groups = make_layer_groups(network)[::-1]  # output to input
        self._steps = steps

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        free = 1 + int(len(self._groups) * min(state.global_step / self._steps, 1.0))
        for index, group in enumerate(self._groups):
            for name in group.parameter_names:
                self._parameters[name].requires_grad_(index < free)


def freeze_backbone(network: nn.Module) -> None:
    """Freeze everything but the head, batch statistics and dropout included: its features become constants."""
    heads = {name for group in make_layer_groups(network) if group.is_head for name in group.parameter_names}
    freeze_all_but(network, heads)


def freeze_all_but(network: nn.Module, names: Collection[str]) -> None:
    """Freeze every parameter but the named ones, and the batch statistics and dropout of modules without any."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in names)
    free_modules = {name.rpartition(".")[0] for name in names}
    for name, module in network.named_modules():
        if not list(module.children()) and name not in free_modules:
            module.train = lambda mode=True, module=module: nn.Module.train(module, False)  # type: ignore[method-assign]


def release_backbone(network: nn.Module) -> None:
    """Undo `freeze_backbone`."""
    network.requires_grad_(True)
    for module in network.modules():
        vars(module).pop("train", None)
