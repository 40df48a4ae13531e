"""One rate per layer group, not learned by a meta gradient: layer-wise decay and Auto-RGN."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Optimizer
from transformers import Trainer, TrainerCallback

from benchmarks.accuracy.task import Task, make_trainer
from hf_metalr.engine.rates import set_base_lr
from hf_metalr.layer_groups import make_layer_groups
from hf_metalr.layer_groups.param_groups import split_param_groups


def layer_decay(task: Task) -> Trainer:
    """Multiply the rate by ``decay`` for every layer group further from the head. Settings: ``decay``, ``schedule``."""
    settings = task.settings(decay=0.75, schedule="constant")
    names = [group.name for group in make_layer_groups(task.network)]
    assert task.cell.rate is not None
    rates = {name: task.cell.rate * settings["decay"] ** depth for depth, name in enumerate(reversed(names))}
    return train_at_rates(task, rates, settings["schedule"])


def train_at_rates(task: Task, rates: Mapping[str, float], schedule: str = "constant") -> Trainer:
    """Train with AdamW at a constant base rate for each layer group."""
    optimizer = grouped_adamw(task.network, 1.0)
    for name, rate in rates.items():
        set_base_lr(optimizer, None, name, rate)
    trainer = make_trainer(task, {"lr_scheduler_type": schedule}, optimizers=(optimizer, None))
    trainer.train()
    return trainer


def grouped_adamw(network: nn.Module, rate: float, weight_decay: float = 0.0) -> Optimizer:
    """Return AdamW as Transformers sets it up, its param groups split by layer group.

    Args:
        network: what is trained.
        rate: learning rate of all.
        weight_decay: of matrices and kernels; biases and the weights of norms, which are vectors, never decay.
    """
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = AdamW(groups if weight_decay else parameters, lr=rate, weight_decay=weight_decay, fused=True)
    split_param_groups(optimizer, network, make_layer_groups(network))
    return optimizer


def auto_rgn(task: Task) -> Trainer:
    """Rates in proportion to the relative gradient norm ‖g‖/‖θ‖ (Auto-RGN, Lee et al., arXiv 2210.11466).

    The largest layer group has the cell's rate; the norms are a running mean over steps (0.9) instead of a pass of its
    own over the data at every epoch. Settings: ``schedule``, which multiplies all of them.
    """
    changes = {"lr_scheduler_type": task.settings(schedule="constant")["schedule"]}
    assert task.cell.rate is not None
    optimizer = grouped_adamw(task.network, task.cell.rate)
    callback = _RelativeGradientNorms(task.network, task.cell.rate)
    trainer = make_trainer(task, changes, optimizers=(optimizer, None), callbacks=[callback])
    trainer.train()
    return trainer


class _RelativeGradientNorms(TrainerCallback):
    def __init__(self, network: nn.Module, rate: float) -> None:
        parameters = dict(network.named_parameters())
        self._rate = rate
        self._groups = {
            group.name: [parameters[name] for name in group.parameter_names] for group in make_layer_groups(network)
        }
        self._means: dict[str, float] = {}

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        optimizer, scheduler = kwargs["optimizer"], kwargs["lr_scheduler"]
        for name, parameters in self._groups.items():
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            ratio = float(_norm(gradients) / _norm(parameters))
            self._means[name] = 0.9 * self._means.get(name, ratio) + 0.1 * ratio
        largest = max(self._means.values())
        for name, mean in self._means.items():
            # A rate of exactly 0 could not be scaled back.
            set_base_lr(optimizer, scheduler, name, self._rate * max(mean / largest, 1e-8))


def _norm(tensors: list) -> torch.Tensor:
    return torch.stack([tensor.detach().norm() for tensor in tensors]).norm() if tensors else torch.zeros(())
