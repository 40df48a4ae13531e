"""Optimizers that need no learning rate or no schedule, each from its authors' package.

Packages: prodigyopt, schedulefree, prodigy-plus-schedule-free, dog-optimizer. They are imported where they are used, so
that a grid without them runs without them.
"""

from typing import Any

import torch
from torch import nn
from transformers import Trainer, TrainerCallback

from benchmarks.accuracy.task import Task, make_trainer


def prodigy(task: Task) -> Trainer:
    """Prodigy as its authors recommend: lr 1, bias correction, safeguarded warm-up.

    Settings: ``schedule``; ``d0``, its first estimate: up to 1e-4, the authors advise, where it stays too small.
    """
    from prodigyopt import Prodigy

    settings = task.settings(schedule="cosine", d0=1e-6)
    schedule, parameters = settings["schedule"], task.network.parameters()
    optimizer = Prodigy(parameters, lr=1.0, use_bias_correction=True, safeguard_warmup=True, d0=settings["d0"])
    trainer = make_trainer(task, {"lr_scheduler_type": schedule, "learning_rate": 1.0}, optimizers=(optimizer, None))
    trainer.train()
    return trainer


def schedule_free(task: Task) -> Trainer:
    """Schedule-Free AdamW through Transformers' own argument, at the cell's rate: betas 0.9 and 0.999, 5 % warm-up.

    The authors advise rates of 1 to 10 times those of a decaying schedule.
    """
    trainer = make_trainer(task, {"optim": "schedule_free_adamw", "warmup_steps": task.cell.steps // 20})
    # Batch statistics belong to the averaged weights that are evaluated; the authors recompute them on training data.
    trainer.train()
    _refresh_batch_statistics(trainer)
    return trainer


def prodigy_plus(task: Task) -> Trainer:
    """Prodigy and Schedule-Free in one, with its package's defaults: a constant schedule, nothing clipped.

    Settings: ``d0``, its first estimate: up to 1e-4, the author advises, where it stays too small.
    """
    from prodigyplus.prodigy_plus_schedulefree import ProdigyPlusScheduleFree

    optimizer = ProdigyPlusScheduleFree(task.network.parameters(), lr=1.0, d0=task.settings(d0=1e-6)["d0"])
    changes = {"learning_rate": 1.0, "max_grad_norm": 0.0}
    trainer = make_trainer(task, changes, optimizers=(optimizer, None))
    trainer.train()
    _refresh_batch_statistics(trainer)
    return trainer


def dog(task: Task) -> Trainer:
    """DoG with its polynomial average of the weights. Settings: ``clip``, the largest gradient norm; 0: any."""
    from dog import DoG

    return _distance_over_gradients(task, DoG)


def ldog(task: Task) -> Trainer:
    """L-DoG: DoG for every tensor by itself. Settings: ``clip``."""
    from dog import LDoG

    return _distance_over_gradients(task, LDoG)


def _distance_over_gradients(task: Task, optimizer_class: type) -> Trainer:
    has_batch_norm = any(isinstance(module, nn.BatchNorm2d) for module in task.network.modules())
    # The authors' advice: 1e-4 with batch normalisation, 1e-6 without.
    optimizer = optimizer_class(task.network.parameters(), reps_rel=1e-4 if has_batch_norm else 1e-6)
    averaging = _Averaging(task.network)
    changes = {"learning_rate": 1.0, "max_grad_norm": task.settings(clip=1.0)["clip"]}
    trainer = make_trainer(task, changes, optimizers=(optimizer, None), callbacks=[averaging])
    trainer.train()
    return trainer


class _Averaging(TrainerCallback):
    """The polynomial average that DoG's authors call crucial, put into the network at the end."""

    def __init__(self, network: nn.Module) -> None:
        from dog import PolynomialDecayAverager

        self._network, self._averager = network, PolynomialDecayAverager(network)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._averager.step()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._network.load_state_dict(self._averager.averaged_model.state_dict())


@torch.no_grad()
def _refresh_batch_statistics(trainer: Trainer) -> None:
    """Recompute the running statistics of batch normalisation at the weights that will be evaluated."""
    network = trainer.model
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    if not norms:
        return
    trainer.optimizer.eval()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches seen
    network.train()
    for index, batch in enumerate(trainer.get_train_dataloader()):
        if index == 20:  # the means of 320 images are as good as they need to be
            break
        network(**batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
