"""Update rules under trial, next-batch estimator only; what they gave is told in NOTES.md.

For each layer group j, with an anchor θ_a behind the parameters and the gradient g of the step at hand:

    s_j = ⟨g_j, θ_j − θ_a,j⟩ / (‖g_j‖ ‖θ_j − θ_a,j‖)               agreement over a horizon of about K steps
    n(x) = m̂(x) / √v̂(x)                                            Adam's normalised mean, within [−1, 1] or so
    ln α_j ← ln α_j − β_t [w n(mean_i s_i) + (1 − w) n(s_j) − o]      β_t = β / √(1 + t/τ)
    ln α_j ← ln α_j − ρ (ln α_j − mean_i ln α_i)                      a spring: who learns nothing follows the others

with a horizon K, the share w of the common scale, the decay τ and the optimism o. The anchor is either the parameters
of the last step whose number K divides ("jump"), or follows them by a K-th of the way at every step ("follow"). Rates
are kept between ``least`` and ``most`` times the size of a layer group's weights, that of the head below ``head_most``
divided by its inputs. K = 1, w = 0, o = 0, no decay and no such bounds are the package's next_batch with log_adam,
meta_horizon=1, hyper_lr_decay=inf and trust_region=False.

Why a horizon: with the update directions of the last K steps taken as given, θ − θ_a is what the parameters gain per
unit of ln α if all K steps had been longer, so ⟨g, θ − θ_a⟩ is ∂L/∂ ln α over K steps. One step alone is noise for the
most part, and sees sharp directions bounce where K steps see slow ones advance: it asks for rates that are too small.
K = ∞ is what D-Adaptation, Prodigy and Mechanic measure, for one common scale.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer
from transformers import Trainer, TrainerCallback

from benchmarks.accuracy.rivals.layer_rates import grouped_adamw
from benchmarks.accuracy.task import Task, make_trainer
from hf_metalr.engine.displacements import Displacements
from hf_metalr.engine.history import HISTORY_NAME
from hf_metalr.engine.rates import base_lrs, set_base_lr
from hf_metalr.equations import Moments, bound_lr, log_adam_update, weight_size

DEFAULTS: dict[str, Any] = {
    "hyper_lr": 0.1,
    "horizon": 1,
    "anchor": "jump",
    "share": 0.0,
    "decay_steps": None,
    "optimism": 0.0,
    "spring": 0.0,
    "least": 0.0,
    "most": math.inf,
    "head_most": math.inf,
    "beta1": 0.9,
    "beta2": 0.99,
    "min_lr": 1e-6,
    "max_lr": 1e-2,
}


def variant(task: Task) -> Trainer:
    """Learn rates by the rule above. Settings: `DEFAULTS`, ``schedule`` and ``warmup_steps``."""
    settings = task.settings(**DEFAULTS, schedule="constant", warmup_steps=0, end_steps=None)
    assert task.cell.rate is not None
    optimizer = grouped_adamw(task.network, task.cell.rate)
    callback = _Callback(VariantRule(optimizer, settings), Path(task.folder) / HISTORY_NAME)
    changes = {"lr_scheduler_type": settings["schedule"], "warmup_steps": settings["warmup_steps"]}
    if settings["end_steps"]:
        changes["lr_scheduler_kwargs"] = {"num_decay_steps": settings["end_steps"]}
    trainer = make_trainer(task, changes, optimizers=(optimizer, None), callbacks=[callback])
    trainer.train()
    return trainer


class VariantRule:
    """Moves the rates of an optimizer whose param groups are split by layer group; call it before every step."""

    def __init__(self, optimizer: Optimizer, settings: Mapping[str, Any]) -> None:
        self.optimizer, self.settings = optimizer, settings
        self._displacements = Displacements(optimizer)
        self._moments: dict[str, Moments] = {}
        self._bounds = {name: self._trusted(name, group) for name, group in self._displacements.parameters.items()}
        for name, lr in base_lrs(optimizer).items():
            set_base_lr(optimizer, None, name, min(max(lr, self._bounds[name][0]), self._bounds[name][1]))

    def _trusted(self, name: str, parameters: list) -> tuple[float, float]:
        low, high = self.settings["min_lr"], self.settings["max_lr"]
        kernels = [p for p in parameters if p.ndim > 1] or parameters
        if name == "head":
            fan_in = max(p.numel() // len(p) for p in kernels)
            return low, max(low, min(high, self.settings["head_most"] / fan_in))
        size = min(filter(None, (weight_size([kernel]) for kernel in kernels)), default=1.0)
        return max(low, min(high, self.settings["least"] * size)), max(low, min(high, self.settings["most"] * size))

    def before_step(self, step: int, scheduler: object | None = None) -> None:
        """Measure with the gradient of the step that is about to be taken, and move the rates that it will use."""
        if not self._displacements.pending:
            self._displacements.remember()
            return
        jump = self.settings["anchor"] == "jump" and step % self.settings["horizon"] == 0
        dots, gradients, displacements = self._displacements.measure(follow=float(jump)).tolist()
        self._displacements.pending = True  # measured again at the next step, from the same anchor or the new one
        if self.settings["anchor"] == "follow":
            self._follow()
        agreements = {
            name: dot / math.sqrt(g * d) if g * d > 0 else 0.0
            for name, dot, g, d in zip(self._displacements.parameters, dots, gradients, displacements, strict=True)
        }
        if all(map(math.isfinite, agreements.values())):
            self._move(agreements, step, scheduler)

    @torch.no_grad()
    def _follow(self) -> None:
        for name, parameters in self._displacements.parameters.items():
            torch._foreach_lerp_(self._displacements._before[name], parameters, 1 / self.settings["horizon"])

    def _move(self, agreements: dict[str, float], step: int, scheduler: object | None) -> None:
        s = self.settings
        slowed = 1.0 if s["decay_steps"] is None else 1 / math.sqrt(1 + (step - 1) / s["decay_steps"])
        common = self._normalised("", sum(agreements.values()) / len(agreements))
        lrs = base_lrs(self.optimizer)
        middle = math.exp(sum(map(math.log, lrs.values())) / len(lrs))
        for name, agreement in agreements.items():
            mean = s["share"] * common + (1 - s["share"]) * self._normalised(name, agreement)
            proposed = lrs[name] * math.exp(-s["hyper_lr"] * slowed * (mean - s["optimism"]))
            if s["spring"]:
                proposed *= (middle / lrs[name]) ** s["spring"]
            moved = bound_lr(proposed, lrs[name], *self._bounds[name], 2.0)
            set_base_lr(self.optimizer, scheduler, name, moved)

    def _normalised(self, name: str, agreement: float) -> float:
        """Return Adam's m̂/√v̂ of a series of agreements."""
        betas = {"beta1": self.settings["beta1"], "beta2": self.settings["beta2"]}
        lr, self._moments[name] = log_adam_update(1.0, agreement, 1.0, self._moments.get(name, Moments()), **betas)
        return -math.log(lr)


class _Callback(TrainerCallback):
    def __init__(self, rule: VariantRule, history: Path) -> None:
        self._rule, self._history = rule, history

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._rule.before_step(state.global_step, kwargs["lr_scheduler"])
        with self._history.open("a", encoding="utf-8") as file:
            row = {"step": state.global_step + 1, "base_lr": base_lrs(self._rule.optimizer)}
            file.write(json.dumps(row) + "\n")
