"""What the released MetaLR code does, as a control: an *ascending* SGD look-ahead judged on one fixed meta batch.

Read in the public repository Schuture/MetaLR. Each step: θ̂_j = θ_j + α_j ∇_j L_train (the paper has minus); h_j =
∂L_meta(θ̂)/∂α_j on always the same batch of training data, without augmentation; α_j ← clip(α_j (1 − β h_j),
1e-6, 1e-2); then Adam's real step with α. The chain rule gives h_j = ⟨∇_j L_meta(θ̂), ∇_j L_train⟩ without a second
derivative, the same number as the released code's differentiable copy.
"""

from copy import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback

from benchmarks.accuracy.rivals.layer_rates import grouped_adamw
from benchmarks.accuracy.task import Task, make_trainer
from hf_metalr.engine.no_trace import hidden_gradients, kept_buffers
from hf_metalr.engine.rates import base_lrs, set_base_lr
from hf_metalr.equations import inner_product, proportional_update
from hf_metalr.layer_groups import make_layer_groups

HYPER_LR, MIN_LR, MAX_LR = 0.1, 1e-6, 1e-2


def released(task: Task) -> Trainer:
    """Train as the released code does, started at the cell's rate."""
    assert task.cell.rate is not None
    optimizer = grouped_adamw(task.network, task.cell.rate)
    batch = _meta_batch(task)
    # The released code clips nothing.
    changes = {"max_grad_norm": 0.0}
    trainer = make_trainer(task, changes, optimizers=(optimizer, None), callbacks=[_Ascending(task.network, batch)])
    trainer.train()
    return trainer


def _meta_batch(task: Task) -> dict[str, Tensor]:
    """Return one batch without augmentation; from the seed, since the first of a set sorted by class would hold one."""
    plain = copy(task.train)
    plain.augment = False
    order = torch.randperm(len(plain), generator=torch.Generator().manual_seed(task.cell.seed))
    samples = [plain[index] for index in order[: task.cell.batch].tolist()]
    return {name: torch.stack([torch.as_tensor(sample[name]) for sample in samples]) for name in samples[0]}


class _Ascending(TrainerCallback):
    def __init__(self, network: nn.Module, meta_batch: dict[str, Tensor]) -> None:
        parameters = dict(network.named_parameters())
        self._network, self._meta_batch = network, meta_batch
        self._groups = {
            group.name: [parameters[name] for name in group.parameter_names] for group in make_layer_groups(network)
        }

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        optimizer, scheduler = kwargs["optimizer"], kwargs["lr_scheduler"]
        lrs = base_lrs(optimizer)
        for name, h in self._hypergradients(lrs).items():
            moved = proportional_update(lrs[name], h, HYPER_LR)
            set_base_lr(optimizer, scheduler, name, min(max(moved, MIN_LR), MAX_LR))

    def _hypergradients(self, lrs: dict[str, float]) -> dict[str, float]:
        training = {
            name: [None if p.grad is None else p.grad.clone() for p in group] for name, group in self._groups.items()
        }
        before = [p.detach().clone() for group in self._groups.values() for p in group]
        self._move(training, lrs)
        with kept_buffers(self._network), hidden_gradients(self._network.parameters()):
            self._network(**self._meta_batch).loss.backward()
            found = {
                name: sum(
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
                    parameter.add_(gradient, alpha=lrs[name])  # the released code's sign
