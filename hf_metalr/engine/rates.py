"""The one home of the learned rates: the optimizer's param groups and the scheduler that multiplies them.

The *base* rate of a layer group is what is learned; a schedule multiplies it and gives the *effective* rate of a step.
Torch keeps the base rate in ``group["initial_lr"]`` and in ``scheduler.base_lrs`` once a scheduler with a closed form
is attached; without one (or with a plateau scheduler, which owns the rate) it is ``group["lr"]``. All are part of the
optimizer's and scheduler's own ``state_dict``: nothing is kept beside them.
"""

from collections.abc import Iterator

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR

from hf_metalr.layer_groups.param_groups import LAYER_GROUP_KEY

# What OneCycleLR keeps inside the group, in units of the learning rate. Optimizers use such names for other things:
# optimi's "max_lr" is the rate that its weight decay refers to.
_ONE_CYCLE_KEYS = ("max_lr", "min_lr")


def learned_groups(optimizer: Optimizer) -> Iterator[tuple[str, int, dict]]:
    """Yield (layer group, index, param group) for every param group whose rate is learned."""
    for index, group in enumerate(optimizer.param_groups):
        if LAYER_GROUP_KEY in group:
            yield group[LAYER_GROUP_KEY], index, group


def base_lrs(optimizer: Optimizer) -> dict[str, float]:
    """Return the learned base rate of every layer group, in the order of the param groups."""
    return {name: float(group.get("initial_lr", group["lr"])) for name, _, group in learned_groups(optimizer)}


def effective_lrs(optimizer: Optimizer) -> dict[str, float]:
    """Return the rate, schedule included, that the next optimizer step uses for every layer group."""
    return {name: float(group["lr"]) for name, _, group in learned_groups(optimizer)}


def set_base_lr(optimizer: Optimizer, scheduler: object | None, layer_group: str, lr: float) -> None:
    """Set the base rate of a layer group and multiply its effective rate by the same factor; a rate of 0 stays 0."""
    for name, index, group in learned_groups(optimizer):
        if name != layer_group:
            continue
        old = float(group.get("initial_lr", group["lr"]))
        if old == 0:
            continue  # the user froze it
        factor = lr / old
        for key in ("lr", "initial_lr", *_keys_of(scheduler)):
            if key in group:
                _assign(group, key, lr if float(group[key]) == old else float(group[key]) * factor)
        if scheduler is not None:
            _scale_scheduler(scheduler, index, old, lr)


def _keys_of(scheduler: object | None) -> tuple[str, ...]:
    parts = getattr(scheduler, "_schedulers", (scheduler,))
    return _ONE_CYCLE_KEYS if any(isinstance(part, OneCycleLR) for part in parts) else ()


def _scale_scheduler(scheduler: object, index: int, old: float, lr: float) -> None:
    for part in getattr(scheduler, "_schedulers", ()):
        _scale_scheduler(part, index, old, lr)
    # CyclicLR swings between two lists of rates; GreedyLR's list of the same name holds bounds, which stay.
    for name in ("base_lrs", "max_lrs") if isinstance(scheduler, CyclicLR) else ("base_lrs",):
        rates = getattr(scheduler, name, None)
        if rates is not None:
            rates[index] = lr if float(rates[index]) == old else rates[index] * (lr / old)


def _assign(group: dict, key: str, value: float) -> None:
    if isinstance(group[key], Tensor):
        group[key].fill_(value)
    else:
        group[key] = value
