"""The one home of the learned rates: the optimizer's param groups and the scheduler that multiplies them.

The *base* rate of a layer group is what is learned; a schedule multiplies it and gives the *effective* rate of a step,
``group["lr"]``. Where the base rate is:

    a torch scheduler with base_lrs    ``group["initial_lr"]`` and ``scheduler.base_lrs``, as torch has it
    a plateau scheduler                ``group["lr"]``, which it owns
    none, or one that writes rates     ``group["learned_lr"]``: whoever writes ``group["lr"]`` leaves it alone

All are part of the optimizer's and scheduler's own ``state_dict``: nothing is kept beside them.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR

from hf_metalr.engine.schedulers import multiplies_base_rates, owns_rates
from hf_metalr.engine.unstated import UNSTATED
from hf_metalr.layer_groups.param_groups import LAYER_GROUP_KEY

BASE_KEY = "learned_lr"
_SAME = 1e-6

# What OneCycleLR keeps inside the group, in units of the learning rate. Optimizers use such names for other things:
# optimi's "max_lr" is the rate that its weight decay refers to.
_ONE_CYCLE_KEYS = ("max_lr", "min_lr")


def learned_groups(optimizer: Optimizer) -> Iterator[tuple[str, int, dict]]:
    """Yield (layer group, index, param group) for every param group whose rate is learned."""
    for index, group in enumerate(optimizer.param_groups):
        if LAYER_GROUP_KEY in group:
            yield group[LAYER_GROUP_KEY], index, group


def base_lr(group: dict) -> float:
    """Return the learned base rate of a param group."""
    return float(group.get(BASE_KEY, group.get("initial_lr", group["lr"])))


def base_lrs(optimizer: Optimizer) -> dict[str, float]:
    """Return the learned base rate of every layer group, in the order of the param groups."""
    return {name: base_lr(group) for name, _, group in learned_groups(optimizer)}


def unstated_groups(optimizer: Optimizer) -> list[str]:
    """Return the layer groups whose rate nobody has stated, in the order of the param groups."""
    return [name for name, _, group in learned_groups(optimizer) if group.get("initial_lr", group["lr"]) is UNSTATED]


def make_numbers_plain(optimizer: Optimizer, scheduler: object | None) -> None:
    """Put a plain number wherever `UNSTATED` is left: torch would refuse to load a checkpoint that holds it."""
    for group in optimizer.param_groups:
        group.update({key: float(UNSTATED) for key, value in group.items() if value is UNSTATED})
    for name in ("base_lrs", "_last_lr"):
        if isinstance(values := getattr(scheduler, name, None), list):
            setattr(scheduler, name, [float(UNSTATED) if value is UNSTATED else value for value in values])


def effective_lrs(optimizer: Optimizer) -> dict[str, float]:
    """Return the rate, schedule included, that the next optimizer step uses for every layer group."""
    return {name: float(group["lr"]) for name, _, group in learned_groups(optimizer)}


def set_effective_lr(optimizer: Optimizer, layer_group: str, lr: float) -> None:
    """Set the rate of the coming step, and leave the base rate as it is where that has a home of its own."""
    for name, _, group in learned_groups(optimizer):
        if name == layer_group:
            _assign(group, "lr", lr)


def settle_base_lrs(optimizer: Optimizer, scheduler: object | None) -> None:
    """Give every base rate the home that fits the scheduler; no base rate changes, but where a scheduler set its own.

    A scheduler that was made before the rates were moved into their bounds is brought to the rates.
    """
    for _, index, group in learned_groups(optimizer):
        if multiplies_base_rates(scheduler):
            group.setdefault("initial_lr", base_lr(group))
            group.pop(BASE_KEY, None)
            multiplied, base = float(scheduler.base_lrs[index]), base_lr(group)  # type: ignore[union-attr]
            if multiplied != base and multiplied > 0:
                for rates in _multiplied_rates(scheduler):
                    _scale(rates, index, multiplied, base)
        elif owns_rates(scheduler):
            group.pop(BASE_KEY, None)
        elif scheduler is not None or "initial_lr" not in group:
            group.setdefault(BASE_KEY, base_lr(group))


def place_base_lr(optimizer: Optimizer, layer_group: str, lr: float) -> None:
    """Set a base rate, to 0 or from 0, where it has a home of its own; the rate of the coming step stays."""
    for name, _, group in learned_groups(optimizer):
        if name == layer_group and BASE_KEY in group:
            group[BASE_KEY] = lr


def drop_base_keys(optimizer: Optimizer) -> None:
    """Take away what `settle_base_lrs` has put into the param groups."""
    for _, _, group in learned_groups(optimizer):
        group.pop(BASE_KEY, None)


def set_base_lr(optimizer: Optimizer, scheduler: object | None, layer_group: str, lr: float) -> None:
    """Set the base rate of a layer group and multiply its effective rate by the same factor; a rate of 0 stays 0."""
    set_base_lrs(optimizer, scheduler, {layer_group: lr})


def set_base_lrs(optimizer: Optimizer, scheduler: object | None, lrs: Mapping[str, float]) -> None:
    """Do what `set_base_lr` does for every layer group that is named, in one walk over the param groups."""
    keys = ("lr", "initial_lr", BASE_KEY, *_keys_of(scheduler))
    multiplied, given = _multiplied_rates(scheduler), _given_rates(scheduler)
    for name, index, group in learned_groups(optimizer):
        if name not in lrs:
            continue
        lr, old = lrs[name], base_lr(group)
        if old == 0:
            continue  # the user froze it
        effective = float(group["lr"])
        for key in keys:
            if key in group:
                _scale(group, key, old, lr)
        for rates in multiplied:
            _scale(rates, index, old, lr)
        for rates in given:
            if index < len(rates) and float(rates[index]) == effective:
                _assign(rates, index, float(group["lr"]))


def same_ratio(
    found: Mapping[str, float], rates: Mapping[str, float], names: Collection[str], ratio: float | None = None
) -> bool:
    """Return whether the rates found are one multiple of others, the given one if one is given; never of 0.

    >>> same_ratio({"stem": 2.0, "head": 4.0}, {"stem": 1.0, "head": 2.0}, ["stem", "head"])
    True
    """
    if any(rates[name] == 0 for name in names):
        return False
    ratios = [found[name] / rates[name] for name in names]
    return all(close(other, ratios[0] if ratio is None else ratio) for other in ratios)


def close(one: float, other: float) -> bool:
    """Return whether two rates or ratios are the same; they may have passed through float32."""
    return math.isclose(one, other, rel_tol=_SAME)


def _keys_of(scheduler: object | None) -> tuple[str, ...]:
    parts = getattr(scheduler, "_schedulers", (scheduler,))
    return _ONE_CYCLE_KEYS if any(isinstance(part, OneCycleLR) for part in parts) else ()


def _multiplied_rates(scheduler: object | None) -> list[list]:
    """Return the lists of rates that a scheduler, and those that it is made of, multiply."""
    lists = [rates for part in getattr(scheduler, "_schedulers", ()) for rates in _multiplied_rates(part)]
    # CyclicLR swings between two lists of rates; GreedyLR's list of the same name holds bounds, which stay.
    names = ("base_lrs", "max_lrs") if isinstance(scheduler, CyclicLR) else ("base_lrs",)
    return lists + [rates for name in names if (rates := getattr(scheduler, name, None)) is not None]


def _given_rates(scheduler: object | None) -> list[list]:
    """Return the lists of rates that a scheduler gave last: rates that differ from them were written by others."""
    lists = [rates for part in getattr(scheduler, "_schedulers", ()) for rates in _given_rates(part)]
    last = getattr(scheduler, "_last_lr", None)
    return [*lists, last] if isinstance(last, list) else lists


def _scale(rates: Any, key: Any, old: float, lr: float) -> None:
    """Set a rate that was ``old``, and multiply another one by the same factor."""
    found = float(rates[key])
    _assign(rates, key, lr if found == old else found * (lr / old))


def _assign(group: Any, key: Any, value: float) -> None:
    if isinstance(group[key], Tensor):
        group[key].fill_(value)
    else:
        group[key] = value
