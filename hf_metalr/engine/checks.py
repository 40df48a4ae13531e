"""What the engine refuses, in words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import ASGD, LBFGS, Optimizer, Rprop

from hf_metalr.engine.config import MetaLRConfig
from hf_metalr.engine.rates import base_lrs, effective_lrs, learned_groups
from hf_metalr.layer_groups import LayerGroup
from hf_metalr.layer_groups.param_groups import LAYER_GROUP_KEY

# Their displacement is not proportional to the learning rate, so neither the hypergradient nor the rescaling would
# hold.
_UNSUPPORTED_OPTIMIZERS = (LBFGS, Rprop, ASGD)

# Name of the engine's own hook, by which it is recognised.
BEFORE_STEP = "_before_metalr_step"


def require_supported(optimizer: Optimizer) -> None:
    """Raise a ValueError for an optimizer from whose steps no learning rate can be learned."""
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"optimizer must be a torch.optim.Optimizer; found {type(optimizer).__name__}.")
    if any(group.get("relative_step") for group in optimizer.param_groups):
        raise ValueError(
            f"{type(optimizer).__name__} with relative_step=True computes its own learning rates: pass "
            "relative_step=False and a learning rate."
        )
    # Optimizers with modes of their own (Schedule-Free) keep the parameters at an average of their steps.
    averages = callable(getattr(optimizer, "train", None)) and callable(getattr(optimizer, "eval", None))
    if isinstance(optimizer, _UNSUPPORTED_OPTIMIZERS) or averages:
        raise ValueError(
            f"{type(optimizer).__name__} takes steps that are not proportional to the learning rate, so it cannot be "
            "learned from them. Use SGD, Adam, AdamW or another optimizer that multiplies its update by the rate."
        )


def require_unattached(optimizer: Optimizer) -> None:
    """Raise a ValueError if an engine already acts on the optimizer: two would measure each other's moves."""
    if any(getattr(hook, "__name__", "") == BEFORE_STEP for hook in optimizer._optimizer_step_pre_hooks.values()):
        raise ValueError(
            "The optimizer already has a MetaLR engine attached, from another trainer perhaps: call its `detach()` "
            "first, or make a new optimizer."
        )


def require_sound_rates(optimizer: Optimizer, config: MetaLRConfig, scheduler: object | None = None) -> None:
    """Raise a ValueError unless every layer group has one learning rate, 0 or within the bounds.

    A scheduler that owns the rate, such as a plateau scheduler, may have brought it to any positive value.
    """
    owned = scheduler is not None and not hasattr(scheduler, "base_lrs")
    rates: dict[str, float] = {}
    for group in optimizer.param_groups:
        name, lr = group.get(LAYER_GROUP_KEY), float(group.get("initial_lr", group["lr"]))
        if name is not None and rates.setdefault(name, lr) != lr:
            raise ValueError(
                f"Parameters of a layer group share one learning rate; in group {name!r} the optimizer has "
                f"{rates[name]} and {lr}. Give these parameters layer groups of their own through patterns in "
                "layer_groups."
            )
    if not rates:
        raise ValueError("The optimizer holds no trainable parameter of the model: no learning rate can be learned.")
    for name, lr in rates.items():
        if owned and 0 < lr < math.inf:
            continue
        if lr != 0 and not config.min_lr <= lr <= config.max_lr:
            raise ValueError(
                f"The learning rate {lr} of layer group {name!r} lies outside [min_lr, max_lr] = "
                f"[{config.min_lr}, {config.max_lr}]: start within the bounds or widen them."
            )


def require_same_run(state: Mapping[str, Any], identity: Mapping[str, Any], layer_groups: list[str]) -> None:
    """Raise a ValueError if an engine's saved state was made with other settings or another grouping."""
    for name, expected in identity.items():
        if state["config"].get(name) != expected:
            raise ValueError(
                f"The saved state was made with {name}={state['config'].get(name)!r}; this run has {expected!r}."
            )
    if state["layer_groups"] != layer_groups:
        raise ValueError(
            f"The saved state has the layer groups {state['layer_groups']}, this run {layer_groups}: resume with the "
            "model and layer_groups that the checkpoint was made with."
        )


def refuse_closure(args: Sequence[object], kwargs: Mapping[str, object]) -> None:
    """Raise a ValueError where a step (its optimizer comes first) is given a closure.

    Gradients are read before the step. Those of the step before would still be there, and agree with its displacement
    by themselves: every rate would rise.
    """
    if any(callable(value) for value in (*args[1:], *kwargs.values())):
        raise ValueError(
            "optimizer.step got a closure, which computes gradients inside the step; the learned rates need them "
            "before it. Call loss.backward() and then optimizer.step(). In Lightning, set "
            "automatic_optimization=False."
        )


def require_own_groups(optimizer: Optimizer, model: nn.Module, layer_groups: Sequence[LayerGroup]) -> None:
    """Raise a ValueError unless every param group bears the name of the layer group that its parameters belong to.

    Loading an optimizer's state replaces all of a param group but its parameters, the name included.
    """
    parameters = dict(model.named_parameters())
    owner = {id(parameters[name]): group.name for group in layer_groups for name in group.parameter_names}
    for index, group in enumerate(optimizer.param_groups):
        owners = {owner.get(id(parameter)) for parameter in group["params"]}
        if owners != {group.get(LAYER_GROUP_KEY)}:
            raise ValueError(
                f"The optimizer's saved state calls param group {index} {group.get(LAYER_GROUP_KEY)!r}; its parameters "
                f"belong to {sorted(map(str, owners))}. It is of another model or grouping, or was edited: resume from "
                "an earlier checkpoint, or start a new run."
            )


def require_agreeing_scheduler(optimizer: Optimizer, scheduler: object | None) -> None:
    """Raise a ValueError unless the scheduler multiplies the very base rates that the optimizer holds."""
    multiplied = getattr(scheduler, "base_lrs", None)
    if multiplied is None:
        return
    expected = base_lrs(optimizer)
    last = getattr(scheduler, "_last_lr", None)
    for name, index, group in learned_groups(optimizer):
        if not _close(multiplied, index, expected[name]):
            raise ValueError(
                f"The scheduler's saved state has another base rate for layer group {name!r} than the optimizer's "
                f"({expected[name]}): {_DAMAGED}"
            )
        if last is not None and not _close(last, index, float(group["lr"])):
            raise ValueError(
                f"The optimizer's saved state has another effective rate for layer group {name!r} "
                f"({float(group['lr'])}) than the scheduler gave: {_DAMAGED}"
            )


def require_recorded_rates(recorded: Mapping[str, float], found: Mapping[str, float]) -> None:
    """Raise a ValueError unless the optimizer's rates are those that were recorded when its state was saved."""
    for name, lr in found.items():
        if not math.isclose(recorded.get(name, math.nan), lr, rel_tol=1e-6):
            raise ValueError(
                f"The optimizer's saved state has the rate {lr} for layer group {name!r}, and {recorded.get(name)} was "
                "recorded beside it: the files are of different checkpoints, or were edited. Resume from another one."
            )


_DAMAGED = "the checkpoint is damaged or was edited; resume from an earlier one."


def _close(rates: Sequence[float], index: int, expected: float) -> bool:
    # A tolerance, since a rate that is a float32 tensor stands as a float in the scheduler.
    return index < len(rates) and math.isclose(float(rates[index]), expected, rel_tol=1e-6)


def require_obedient_scheduler(optimizer: Optimizer, scheduler: object | None) -> None:
    """Raise a ValueError where a scheduler has given layer groups of different base rates the very same rate."""
    if not hasattr(scheduler, "base_lrs"):
        return
    bases, effective = base_lrs(optimizer), set(effective_lrs(optimizer).values())
    if len(set(bases.values())) > 1 and len(effective) == 1 and effective != {0.0}:
        raise ValueError(
            f"The scheduler sets one rate ({effective.pop()}) for all layer groups, whose learned rates differ "
            f"({min(bases.values())} to {max(bases.values())}): it overwrites them. Use a scheduler that multiplies "
            "base_lrs or group['lr'], as those of torch and Transformers do."
        )
