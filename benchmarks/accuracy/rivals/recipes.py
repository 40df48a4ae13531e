"""What tools for fine-tuning do when the user chooses nothing: AutoGluon's, Ultralytics' and lightly-train's recipes.

Read in their public repositories: AutoGluon `multimodal/configs/optim/default.yaml`, Ultralytics `engine/trainer.py`
and `cfg/default.yaml`, lightly-train `_task_models/image_classification/train_model.py`. Rates, decays, warm-ups,
schedules and clipping are theirs. Batches, steps and augmentation stay the cell's, and the last step is what is
evaluated: AutoGluon's average of checkpoints that it picks on validation data is left out.
"""

import math
from collections.abc import Callable

from torch.optim.lr_scheduler import LambdaLR
from transformers import Trainer

from benchmarks.accuracy.rivals.layer_rates import grouped_adamw
from benchmarks.accuracy.task import Task, make_trainer
from hf_metalr.engine.rates import set_base_lr
from hf_metalr.layer_groups import make_layer_groups


def autogluon(task: Task) -> Trainer:
    """AdamW at 1e-4, a tenth less for every layer group further from the head, 10 % warm-up, cosine, clipping at 1."""
    task.settings()
    rate, warmup = 1e-4, int(0.1 * task.cell.steps)
    optimizer = grouped_adamw(task.network, rate, weight_decay=1e-3)
    for depth, group in enumerate(reversed(make_layer_groups(task.network))):
        set_base_lr(optimizer, None, group.name, rate * 0.9**depth)
    changes = {"learning_rate": rate, "lr_scheduler_type": "cosine", "warmup_steps": warmup, "max_grad_norm": 1.0}
    trainer = make_trainer(task, changes, optimizers=(optimizer, None))
    trainer.train()
    return trainer


def ultralytics(task: Task) -> Trainer:
    """AdamW at 0.002 · 5/(4 + classes), three epochs of warm-up, a linear fall to a hundredth, clipping at 10.

    This is what ``optimizer=auto`` takes below 10,000 steps. Left out: the accumulation of small batches to 64 images,
    which would take four times the passes, and the moving average of the weights, whose factor of at most 0.22 in
    500 steps, 0.05 in 100, makes it the last weights but for a fraction.
    """
    task.settings()
    classes = int(task.train.split.labels.max()) + 1
    steps_an_epoch = math.ceil(len(task.train) / task.cell.batch)
    factor = falling_by_epoch(steps_an_epoch, math.ceil(task.cell.steps / steps_an_epoch))
    return _train(task, round(0.002 * 5 / (4 + classes), 6), 5e-4, 10.0, factor)


def falling_by_epoch(steps_an_epoch: int, epochs: int) -> Callable[[int], float]:
    """Return Ultralytics' factor of the rate by step: it falls from epoch to epoch, and rises through the first three.

    At least the last epoch is left without warm-up.
    """
    warmup = min(3, epochs - 1) * steps_an_epoch

    def factor(step: int) -> float:
        fallen = 0.01 + 0.99 * max(1 - (step // steps_an_epoch) / epochs, 0)
        return fallen * min(step / warmup, 1) if warmup else fallen

    return factor


def lightly_train(task: Task) -> Trainer:
    """AdamW at 3e-4 · √(batch/16), decay 1e-4, warm-up over 500 steps, then cosine, clipping at 3.

    A run of 500 steps or fewer is warm-up from its first step to its last.
    """
    task.settings()
    steps, rate = task.cell.steps, 3e-4 * math.sqrt(task.cell.batch / 16)
    return _train(task, rate, 1e-4, 3.0, rising_then_cosine(min(500, steps), steps))


def rising_then_cosine(warmup: int, steps: int) -> Callable[[int], float]:
    """Return lightly's factor of the rate by step: linear to 1 at the last step of the warm-up, cosine to 0.001."""

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        share = min((step - warmup) / max(steps - warmup - 1, 1), 1)
        return 0.001 + 0.999 * (1 + math.cos(math.pi * share)) / 2

    return factor


def _train(task: Task, rate: float, weight_decay: float, clip: float, factor: Callable[[int], float]) -> Trainer:
    optimizer = grouped_adamw(task.network, rate, weight_decay)
    changes = {"learning_rate": rate, "max_grad_norm": clip}
    trainer = make_trainer(task, changes, optimizers=(optimizer, LambdaLR(optimizer, factor)))
    trainer.train()
    return trainer
