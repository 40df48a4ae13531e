"""Update rules under trial, next-batch estimator only; what they gave is told in NOTES.md.

For each layer group j, with the anchor θ_a (the parameters up to K steps ago) and the gradient g of the step at hand:

    s_j = ⟨g_j, θ_j − θ_a,j⟩ / (‖g_j‖ ‖θ_j − θ_a,j‖)               agreement over a horizon of 1 to K steps
    n(x) = m̂(x) / √v̂(x)                                            Adam's normalised mean, within [−1, 1] or so
    ln α_j ← ln α_j − β_t [w n(mean_i s_i) + (1 − w) n(s_j)] + β_t·optimism      β_t = β / √(1 + t/τ)

K = 1, w = 0, τ = ∞ and optimism = 0 is the package's next_batch with log_adam.
"""

import json
import math
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback

from benchmarks.accuracy.rivals.layer_rates import grouped_adamw
from benchmarks.accuracy.task import Task, make_trainer
from hf_metalr.engine.displacements import Displacements
from hf_metalr.engine.history import HISTORY_NAME
from hf_metalr.engine.rates import base_lrs, set_base_lr
from hf_metalr.equations import Moments, bound_lr, log_adam_update

DEFAULTS: dict[str, Any] = {
    "hyper_lr": 0.1,
    "horizon": 1,
    "share": 0.0,
    "decay_steps": None,
    "optimism": 0.0,
    "beta1": 0.9,
    "beta2": 0.99,
    "min_lr": 1e-6,
    "max_lr": 1e-2,
    "schedule": "constant",
}


def variant(task: Task) -> Trainer:
    """Learn rates by the rule above; settings and their defaults are `DEFAULTS`."""
    settings = task.settings(**DEFAULTS)
    assert task.cell.rate is not None
    optimizer = grouped_adamw(task.network, task.cell.rate)
    callback = _Rule(Displacements(optimizer), settings, Path(task.folder) / HISTORY_NAME)
    changes = {"lr_scheduler_type": settings["schedule"]}
    callbacks: list[TrainerCallback] = [callback]
    trainer = make_trainer(task, changes, optimizers=(optimizer, None), callbacks=callbacks)
    trainer.train()
    return trainer


class _Rule(TrainerCallback):
    def __init__(self, displacements: Displacements, settings: dict[str, Any], history: Path) -> None:
        self._displacements, self._settings, self._history = displacements, settings, history
        self._moments: dict[str, Moments] = {}

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not self._displacements.pending:
            self._displacements.remember()
            return
        anew = state.global_step % self._settings["horizon"] == 0
        dots, gradients, displacements = self._displacements.measure(remember=anew).tolist()
        self._displacements.pending = True  # measured again at the next step, from the same anchor or the new one
        agreements = {
            name: dot / math.sqrt(g * d) if g * d > 0 else 0.0
            for name, dot, g, d in zip(self._displacements.parameters, dots, gradients, displacements, strict=True)
        }
        if all(map(math.isfinite, agreements.values())):
            self._move(agreements, state.global_step, kwargs["optimizer"], kwargs["lr_scheduler"])

    def _move(self, agreements: dict[str, float], step: int, optimizer: Any, scheduler: Any) -> None:
        s = self._settings
        slowed = 1.0 if s["decay_steps"] is None else 1 / math.sqrt(1 + step / s["decay_steps"])
        common = self._normalised("", sum(agreements.values()) / len(agreements))
        lrs = base_lrs(optimizer)
        for name, agreement in agreements.items():
            mean = s["share"] * common + (1 - s["share"]) * self._normalised(name, agreement)
            proposed = lrs[name] * math.exp(-s["hyper_lr"] * slowed * (mean - s["optimism"]))
            moved = bound_lr(proposed, lrs[name], s["min_lr"], s["max_lr"], 2.0)
            set_base_lr(optimizer, scheduler, name, moved)
        with self._history.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step + 1, "base_lr": base_lrs(optimizer)}) + "\n")

    def _normalised(self, name: str, agreement: float) -> float:
        """Return Adam's m̂/√v̂ of a series of agreements."""
        betas = {"beta1": self._settings["beta1"], "beta2": self._settings["beta2"]}
        lr, self._moments[name] = log_adam_update(1.0, agreement, 1.0, self._moments.get(name, Moments()), **betas)
        return -math.log(lr)
