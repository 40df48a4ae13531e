"""AutoLR: rates by layer that make the layers near the output move most (Ro & Choi, AAAI 2021, arXiv 2002.06048).

After an epoch the *weight variation* of layer group j, v_j = ‖Δθ_j‖ / n_j over its n_j kernel weights, should rise from
input to output. Where it does not, target variations t_j that do are set, and α_j ← α_j t_j / v_j, since a variation is
about proportional to its rate. Read in the paper and its public code (youngminPIL/AutoLR), stated anew and simplified:

    kept      the score of sortedness and its threshold (0.94, falling by 1 % an epoch while above 0.8); the first
              targets, a straight line from three times the smallest variation to 0.4 times the largest; later targets,
              which mend the order from the middle outwards; the stem at half of the first block's rate; the head's rate
              fixed at ten times the rate at which the body starts
    left out  the pruning of layers (another network would be compared) and the trials: the original throws an epoch
              away and repeats it until its order is right, here the next epoch has the new rates, at no extra step
    changed   AdamW as every method here has it (the original: SGD with momentum); targets and rates stay positive
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from transformers import Trainer, TrainerCallback

from benchmarks.accuracy.rivals.layer_rates import grouped_adamw
from benchmarks.accuracy.task import Task, make_trainer
from hf_metalr.engine.rates import base_lrs, set_base_lr
from hf_metalr.layer_groups import make_layer_groups

BODY = 0.1  # of the head's rate
STEM = 0.5  # of the first block's rate
SMALLEST, LARGEST = 3.0, 0.4
THRESHOLD, THRESHOLD_DECAY, LEAST_THRESHOLD = 0.94, 0.99, 0.8
MIN_LR, MAX_LR = 1e-6, 1e-1  # guards; the original has none


def auto_lr(task: Task) -> Trainer:
    """Train with rates that are set anew after each epoch, the head at the cell's rate."""
    assert task.cell.rate is not None
    optimizer = grouped_adamw(task.network, task.cell.rate)
    for group in make_layer_groups(task.network):
        if not group.is_head:
            set_base_lr(optimizer, None, group.name, BODY * task.cell.rate)
    callback = _Tuning(task.network)
    trainer = make_trainer(task, {}, optimizers=(optimizer, None), callbacks=[callback])
    trainer.train()
    return trainer


def sortedness(variations: Sequence[float]) -> float:
    """Return 1 − 2/n² Σ |i − position of the i-th smallest|: 1 for a rising sequence, about 0 for a falling one.

    >>> sortedness([1.0, 2.0, 3.0]), sortedness([4.0, 3.0, 2.0, 1.0])
    (1.0, 0.0)
    """
    order = sorted(range(len(variations)), key=lambda index: variations[index])
    return 1 - 2 * sum(abs(rank - index) for rank, index in enumerate(order)) / len(variations) ** 2


def first_targets(variations: Sequence[float]) -> list[float]:
    """Return a rising straight line between a multiple of the smallest and of the largest variation.

    >>> first_targets([10.0, 1.0, 5.0])
    [3.0, 3.5, 4.0]
    """
    low, high = sorted((SMALLEST * min(variations), LARGEST * max(variations)))
    step = (high - low) / max(len(variations) - 1, 1)
    return [low + index * step for index in range(len(variations))]


def mended_targets(variations: Sequence[float]) -> list[float]:
    """Return the variations with each that is out of order put an even step below or above its inner neighbour.

    >>> mended_targets([1.0, 2.0, 3.0, 1.5, 5.0])
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    targets, count = list(variations), len(variations)
    step = (max(targets) - min(targets)) / max(count - 1, 1)
    for index in range(count // 2, 0, -1):
        if targets[index] < targets[index - 1]:
            # The original may step below 0, and a negative rate would ascend.
            targets[index - 1] = max(targets[index] - step, 0.5 * targets[index])
    for index in range(count // 2, count - 1):
        if targets[index] > targets[index + 1]:
            targets[index + 1] = targets[index] + step
    return targets


class _Tuning(TrainerCallback):
    def __init__(self, network: nn.Module) -> None:
        parameters = dict(network.named_parameters())
        stem, *blocks = (group for group in make_layer_groups(network) if not group.is_head)
        self._stem = stem.name
        kernels = {
            group.name: [p for p in (parameters[name] for name in group.parameter_names) if p.ndim > 1]
            for group in blocks
        }
        # A lone norm has none, and keeps its rate.
        self._kernels = {name: group for name, group in kernels.items() if group}
        self._before: dict[str, list[Tensor]] = {}
        self._threshold, self._epochs = THRESHOLD, 0

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._before = {name: [p.detach().clone() for p in kernels] for name, kernels in self._kernels.items()}

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._epochs and self._threshold > LEAST_THRESHOLD:
            self._threshold *= THRESHOLD_DECAY
        self._epochs += 1
        variations = {name: self._variation(name) for name in self._kernels}
        values = list(variations.values())
        # Not positive where nothing was trained, not finite where training diverged.
        if sortedness(values) >= self._threshold or not all(0 < value < float("inf") for value in values):
            return
        optimizer, scheduler = kwargs["optimizer"], kwargs["lr_scheduler"]
        lrs = base_lrs(optimizer)
        targets = first_targets(values) if self._epochs == 1 else mended_targets(values)
        for (name, variation), target in zip(variations.items(), targets, strict=True):
            lrs[name] = min(max(lrs[name] * target / variation, MIN_LR), MAX_LR)
            set_base_lr(optimizer, scheduler, name, lrs[name])
        set_base_lr(optimizer, scheduler, self._stem, STEM * lrs[next(iter(variations))])

    def _variation(self, name: str) -> float:
        pairs = list(zip(self._kernels[name], self._before[name], strict=True))
        squares = sum(float((now.detach() - before).square().sum()) for now, before in pairs)
        return squares**0.5 / sum(now.numel() for now, _ in pairs)
