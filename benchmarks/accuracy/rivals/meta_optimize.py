"""MetaOptimize, Hessian-free, one step size per layer group (Sharifnassab et al., ICML 2025, arXiv 2402.02342)."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback

from benchmarks.accuracy.rivals.layer_rates import grouped_adamw
from benchmarks.accuracy.task import Task, make_trainer
from hf_metalr.engine.rates import base_lrs, set_base_lr
from hf_metalr.layer_groups import make_layer_groups

MOMENTUM, MIX = 0.99, 0.9  # of Lion as the authors run it on the step sizes


def meta_optimize(task: Task) -> Trainer:
    """AdamW whose step sizes α_j = exp(β_j), one for each layer group, follow the trace of past steps.

    With g the gradient of a step, Δ what AdamW then moved, and κ = 0 the weight decay:

        d_j = ⟨h_j, g_j⟩,   β_j ← β_j − η sign(c m_j + (1 − c) d_j),   m_j ← ρ m_j + (1 − ρ) d_j,
        h_j ← γ h_j + Δ_j

    ``meta_step`` η = 1e-3, c = 0.9 and ρ = 0.99 are the authors', in their experiments and as defaults of the package
    they released; so is ``discount`` γ = 0.9999 there (their experiments have 1). They run 10⁵ steps: in a hundred, η
    moves no step size by more than a tenth, so a larger one is a fair second setting. Nothing else moves the step
    sizes: ``schedule`` is constant. The cell's rate is where they start; the authors' package starts at 1e-3.
    """
    settings = task.settings(meta_step=1e-3, discount=0.9999, schedule="constant")
    assert task.cell.rate is not None
    optimizer = grouped_adamw(task.network, task.cell.rate)
    callback = _StepSizes(task.network, settings["meta_step"], settings["discount"])
    changes = {"lr_scheduler_type": settings["schedule"]}
    trainer = make_trainer(task, changes, optimizers=(optimizer, None), callbacks=[callback])
    trainer.train()
    return trainer


class _StepSizes(TrainerCallback):
    def __init__(self, network: nn.Module, meta_step: float, discount: float) -> None:
        parameters = dict(network.named_parameters())
        self._groups = {
            group.name: [parameters[name] for name in group.parameter_names] for group in make_layer_groups(network)
        }
        self._traces = {name: [torch.zeros_like(p) for p in group] for name, group in self._groups.items()}
        self._momenta = dict.fromkeys(self._groups, 0.0)
        self._meta_step, self._discount = meta_step, discount
        self._products: dict[str, float] = {}
        self._before: dict[str, list[Tensor]] = {}

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        for name, group in self._groups.items():
            pairs = [(h, p.grad) for h, p in zip(self._traces[name], group, strict=True) if p.grad is not None]
            self._products[name] = sum((h * gradient).sum().item() for h, gradient in pairs)
            self._before[name] = [p.detach().clone() for p in group]

    @torch.no_grad()
    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        optimizer, scheduler = kwargs["optimizer"], kwargs["lr_scheduler"]
        step_sizes = base_lrs(optimizer)
        for name, group in self._groups.items():
            for trace, parameter, before in zip(self._traces[name], group, self._before[name], strict=True):
                trace.mul_(self._discount).add_(parameter - before)
            product, momentum = self._products[name], self._momenta[name]
            direction = torch.tensor(MIX * momentum + (1 - MIX) * product, dtype=torch.float64).sign()
            self._momenta[name] = MOMENTUM * momentum + (1 - MOMENTUM) * product
            factor = torch.exp(-self._meta_step * direction).item()
            set_base_lr(optimizer, scheduler, name, step_sizes[name] * factor)
