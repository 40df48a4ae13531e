"""MetaLR by its authors, as a control: as the paper has it (`published`), as the released code does it (`released`).

Read in the paper (arXiv 2206.01408) and in the public repository Schuture/MetaLR. Each step, with s = −1 in the paper
and s = +1 in the released code: θ̂_j = θ_j + s α_j ∇_j L_train; h_j = ∂L_meta(θ̂)/∂α_j; α_j ← clip(α_j (1 − β h_j),
1e-6, 1e-2); then Adam's real step with α. The chain rule gives h_j = s ⟨∇_j L_meta(θ̂), ∇_j L_train⟩ without a second
derivative, the same number as the released code's differentiable copy.

The paper draws a fresh meta batch at every step. The released code means to, but gets always the same one. Neither is
augmented.
"""

from collections.abc import Callable, Iterator
from copy import copy
from itertools import repeat
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from transformers import Trainer, TrainerCallback

from benchmarks.accuracy.rivals.layer_rates import grouped_adamw
from benchmarks.accuracy.samples import Samples
from benchmarks.accuracy.task import Task, make_trainer
from hf_metalr.engine.no_trace import hidden_gradients, kept_buffers
from hf_metalr.engine.rates import base_lrs, set_base_lr
from hf_metalr.equations import inner_product, proportional_update
from hf_metalr.layer_groups import make_layer_groups
from hf_metalr.layer_groups.param_groups import split_param_groups

HYPER_LR, MIN_LR, MAX_LR = 0.1, 1e-6, 1e-2
DESCEND, ASCEND = -1.0, 1.0
Batch = dict[str, Tensor]


def released(task: Task) -> Trainer:
    """Train as the released code does, the head started at the cell's rate.

    Settings: ``body``, what the other layers start at, as a multiple of that; ``hold``, the share of the steps during
    which the head keeps its rate; ``weight_decay``, coupled as Adam has it. The paper's: 0.1, 1/6 (5 of 30 epochs),
    1e-4.
    """
    settings = task.settings(body=1.0, hold=0.0, weight_decay=0.0)
    first = next(_meta_batches(task, task.train))
    return _train(task, settings, ASCEND, repeat(first).__next__)


def published(task: Task) -> Trainer:
    """Train as the paper says. Settings: those of `released`, and ``meta``: the split that the meta batches are of.

    The paper and its code take training images ("train"), so that none is given up; "validation" takes held-out ones.
    """
    settings = task.settings(body=1.0, hold=0.0, weight_decay=0.0, meta="train")
    sources = {"train": task.train, "validation": task.validation}
    source = sources.get(settings["meta"])
    if source is None:
        there = [name for name, samples in sources.items() if samples is not None]
        raise ValueError(f"meta must be one of the splits at hand, {there}; found {settings['meta']!r}.")
    return _train(task, settings, DESCEND, _meta_batches(task, source).__next__)


def _train(task: Task, settings: dict[str, Any], sign: float, next_meta_batch: Callable[[], Batch]) -> Trainer:
    assert task.cell.rate is not None
    optimizer = _optimizer(task.network, task.cell.rate, settings["weight_decay"])
    for group in make_layer_groups(task.network):
        if not group.is_head and settings["body"] != 1.0:
            set_base_lr(optimizer, None, group.name, task.cell.rate * settings["body"])
    rule = SgdLookahead(task.network, next_meta_batch, sign, held_steps=round(settings["hold"] * task.cell.steps))
    # The released code clips nothing.
    trainer = make_trainer(task, {"max_grad_norm": 0.0}, optimizers=(optimizer, None), callbacks=[rule])
    trainer.train()
    return trainer


def _optimizer(network: nn.Module, rate: float, weight_decay: float) -> Optimizer:
    if not weight_decay:
        return grouped_adamw(network, rate)
    optimizer = Adam(network.parameters(), lr=rate, weight_decay=weight_decay, fused=True)
    split_param_groups(optimizer, network, make_layer_groups(network))
    return optimizer


def _meta_batches(task: Task, source: Samples) -> Iterator[Batch]:
    """Yield batches without augmentation, shuffled from the seed in each pass: a sorted set's would hold one class.

    The order has a random stream of its own, so that the training data are those of every other method.
    """
    plain = copy(source)
    plain.augment = False
    generator = torch.Generator().manual_seed(task.cell.seed)
    size = min(task.cell.batch, len(plain))
    while True:
        order = torch.randperm(len(plain), generator=generator).tolist()
        for start in range(0, len(plain) - size + 1, size):
            samples = [plain[index] for index in order[start : start + size]]
            yield {name: torch.stack([torch.as_tensor(sample[name]) for sample in samples]) for name in samples[0]}


class SgdLookahead(TrainerCallback):
    """Moves the rates before every step of the optimizer.

    Args:
        network: in training.
        next_meta_batch: gives the batch that judges the rates.
        sign: `DESCEND` (the paper) or `ASCEND` (the released code).
        held_steps: so many steps the head keeps its rate.
    """

    def __init__(
        self, network: nn.Module, next_meta_batch: Callable[[], Batch], sign: float, held_steps: int = 0
    ) -> None:
        parameters = dict(network.named_parameters())
        groups = make_layer_groups(network)
        self._network, self._next_meta_batch, self._sign = network, next_meta_batch, sign
        self._held_steps, self._heads = held_steps, {group.name for group in groups if group.is_head}
        self._groups = {group.name: [parameters[name] for name in group.parameter_names] for group in groups}

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        optimizer, scheduler = kwargs["optimizer"], kwargs["lr_scheduler"]
        lrs = base_lrs(optimizer)
        for name, h in self.hypergradients(lrs).items():
            if name in self._heads and state.global_step < self._held_steps:
                continue
            moved = proportional_update(lrs[name], h, HYPER_LR)
            set_base_lr(optimizer, scheduler, name, min(max(moved, MIN_LR), MAX_LR))

    def hypergradients(self, lrs: dict[str, float]) -> dict[str, float]:
        """Return h of every layer group, from the gradients of the training batch that lie in ``.grad``."""
        training = {
            name: [None if p.grad is None else p.grad.clone() for p in group] for name, group in self._groups.items()
        }
        before = [p.detach().clone() for group in self._groups.values() for p in group]
        self._move(training, lrs)
        with kept_buffers(self._network), hidden_gradients(self._network.parameters()):
            self._network(**self._next_meta_batch()).loss.backward()
            found = {
                name: self._sign
                * sum(
                    inner_product(p.grad, g).item()
                    for p, g in zip(group, training[name], strict=True)
                    if g is not None and p.grad is not None
                )
                for name, group in self._groups.items()
            }
        with torch.no_grad():
            for parameter, old in zip((p for group in self._groups.values() for p in group), before, strict=True):
                parameter.copy_(old)
        return found

    @torch.no_grad()
    def _move(self, gradients: dict[str, list[Tensor | None]], lrs: dict[str, float]) -> None:
        for name, group in self._groups.items():
            for parameter, gradient in zip(group, gradients[name], strict=True):
                if gradient is not None:
                    parameter.add_(gradient, alpha=self._sign * lrs[name])
