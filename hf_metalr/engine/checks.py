"""What the engine refuses, in words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from torch import nn
from torch.optim import ASGD, LBFGS, Optimizer, Rprop

from hf_metalr.engine.config import MetaLRConfig
from hf_metalr.engine.rates import base_lr, base_lrs, effective_lrs, learned_groups, same_ratio
from hf_metalr.engine.schedulers import WRITTEN, bare_optimizer, floors, multiplies_base_rates, owns_rates
from hf_metalr.errors import InputError, Parameter
from hf_metalr.layer_groups import LayerGroup
from hf_metalr.layer_groups.param_groups import LAYER_GROUP_KEY

# Their displacement is not proportional to the learning rate, so neither the hypergradient nor the rescaling would
# hold.
_UNSUPPORTED_OPTIMIZERS = (LBFGS, Rprop, ASGD)

# Name of the engine's own hook, by which it is recognised.
BEFORE_STEP = "_before_metalr_step"


def require_supported(optimizer: Optimizer) -> None:
    """Raise an InputError for an optimizer from whose steps no learning rate can be learned."""
    if not isinstance(optimizer, Optimizer):
        raise InputError("optimizer", f"must be a torch.optim.Optimizer; found {type(optimizer).__name__}.")
    if any(group.get("relative_step") for group in optimizer.param_groups):
        raise InputError(
            "optimizer",
            f"({type(optimizer).__name__}) with relative_step=True computes its own learning rates: pass "
            "relative_step=False and a learning rate.",
        )
    # Optimizers with modes of their own (Schedule-Free) keep the parameters at an average of their steps.
    averages = callable(getattr(optimizer, "train", None)) and callable(getattr(optimizer, "eval", None))
    if isinstance(optimizer, _UNSUPPORTED_OPTIMIZERS) or averages:
        raise InputError(
            "optimizer",
            f"({type(optimizer).__name__}) takes steps that are not proportional to the learning rate, so it cannot be "
            "learned from them. Use SGD, Adam, AdamW or another optimizer that multiplies its update by the rate.",
        )


def require_meta_loss(estimator: str, meta_loss: object) -> None:
    """Raise an InputError if the look-ahead has nothing to measure by."""
    if estimator == "lookahead" and meta_loss is None:
        raise InputError(
            "meta_loss",
            "must be a function that returns the loss of a meta batch (estimator='lookahead'); found None.",
        )


def require_unattached(optimizer: Optimizer) -> None:
    """Raise an InputError if an engine already acts on the optimizer: two would measure each other's moves."""
    if any(getattr(hook, "__name__", "") == BEFORE_STEP for hook in optimizer._optimizer_step_pre_hooks.values()):
        raise InputError(
            "optimizer",
            "already has a MetaLR engine attached, from another trainer perhaps: call its `detach()` "
            "first, or make a new optimizer.",
        )


def require_sound_rates(optimizer: Optimizer, config: MetaLRConfig, scheduler: object | None = None) -> None:
    """Raise an InputError unless every layer group has one learning rate, 0 or within the bounds that the user set.

    A scheduler that owns the rate, such as a plateau scheduler, may have brought it to any positive value.
    """
    owned = owns_rates(scheduler)
    rates: dict[str, float] = {}
    for group in optimizer.param_groups:
        name, lr = group.get(LAYER_GROUP_KEY), base_lr(group)
        if name is not None and rates.setdefault(name, lr) != lr:
            raise InputError(
                None,
                f"Parameters of a layer group share one learning rate; in group {name!r} the optimizer has "
                f"{rates[name]} and {lr}. Give these parameters layer groups of their own through patterns in "
                "layer_groups.",
            )
    if not rates:
        raise InputError("optimizer", "holds no trainable parameter of the model: no learning rate can be learned.")
    for name, lr in rates.items():
        if not 0 <= lr < math.inf:
            raise InputError(
                None, f"The learning rate of layer group {name!r} must be finite and at least 0, found {lr}."
            )
        if lr == 0 or owned:
            continue
        for bound, contradicted in (
            ("min_lr", config.min_lr is not None and lr < config.min_lr),
            ("max_lr", config.max_lr is not None and lr > config.max_lr),
        ):
            if contradicted:
                raise InputError(
                    bound,
                    f"is {getattr(config, bound)}, and the learning rate {lr} of layer group {name!r} lies outside: "
                    "start within the bounds, widen them, or leave ",
                    Parameter(bound),
                    " out, so that it follows the start.",
                )


def require_same_run(state: Mapping[str, Any], identity: Mapping[str, Any], layer_groups: list[str]) -> None:
    """Raise an InputError if an engine's saved state was made with other settings or another grouping."""
    for name, expected in identity.items():
        if state["config"].get(name) != expected:
            raise InputError(
                None, f"The saved state was made with {name}={state['config'].get(name)!r}; this run has {expected!r}."
            )
    if state["layer_groups"] != layer_groups:
        raise InputError(
            None,
            f"The saved state has the layer groups {state['layer_groups']}, this run {layer_groups}: resume with the "
            "model and layer_groups that the checkpoint was made with.",
        )


def refuse_closure(args: Sequence[object], kwargs: Mapping[str, object]) -> None:
    """Raise an InputError where a step (its optimizer comes first) is given a closure.

    Gradients are read before the step. Those of the step before would still be there, and agree with its displacement
    by themselves: every rate would rise.
    """
    if any(callable(value) for value in (*args[1:], *kwargs.values())):
        raise InputError(
            None,
            "optimizer.step got a closure, which computes gradients inside the step; the learned rates need them "
            "before it. Call loss.backward() and then optimizer.step(). In Lightning, set "
            "automatic_optimization=False.",
        )


def require_known_scheduler(optimizer: Optimizer, scheduler: object | None) -> None:
    """Raise an InputError where a scheduler was attached to the optimizer that the engine was not told of."""
    if scheduler is None and any("initial_lr" in group for group in optimizer.param_groups):
        raise InputError(
            "scheduler",
            "is None, and the optimizer has a learning-rate scheduler that the engine does not know, which would "
            "overwrite every learned rate: set `engine.scheduler = scheduler` before the first step.",
        )


def require_own_scheduler(optimizer: Optimizer, scheduler: object | None) -> None:
    """Raise an InputError where a scheduler is of another optimizer: it would never change the rates of this one."""
    theirs = bare_optimizer(getattr(scheduler, "optimizer", optimizer))
    if isinstance(theirs, Optimizer) and theirs is not optimizer:
        raise InputError(
            "scheduler",
            f"must be that of the optimizer that is learned from ({type(optimizer).__name__}), found a "
            f"{type(scheduler).__name__} of another {type(theirs).__name__}. Make it of this one.",
        )


def require_own_groups(optimizer: Optimizer, model: nn.Module, layer_groups: Sequence[LayerGroup]) -> None:
    """Raise an InputError unless every param group bears the name of the layer group that its parameters belong to.

    Loading an optimizer's state replaces all of a param group but its parameters, the name included.
    """
    parameters = dict(model.named_parameters())
    owner = {id(parameters[name]): group.name for group in layer_groups for name in group.parameter_names}
    for index, group in enumerate(optimizer.param_groups):
        owners = {owner.get(id(parameter)) for parameter in group["params"]}
        if owners != {group.get(LAYER_GROUP_KEY)}:
            raise InputError(
                None,
                f"The optimizer's saved state calls param group {index} {group.get(LAYER_GROUP_KEY)!r}; its parameters "
                f"belong to {sorted(map(str, owners))}. It is of another model or grouping, or was edited: resume from "
                "an earlier checkpoint, or start a new run.",
            )


def require_agreeing_scheduler(optimizer: Optimizer, scheduler: object | None) -> None:
    """Raise an InputError unless the scheduler multiplies the very base rates that the optimizer holds."""
    multiplied = getattr(scheduler, "base_lrs", None)
    if multiplied is None:
        return
    expected = base_lrs(optimizer)
    last = getattr(scheduler, "_last_lr", None)
    for name, index, group in learned_groups(optimizer):
        if not _close(multiplied, index, expected[name]):
            raise InputError(
                None,
                f"The scheduler's saved state has another base rate for layer group {name!r} than the optimizer's "
                f"({expected[name]}): {_DAMAGED}",
            )
        if last is not None and not _close(last, index, float(group["lr"])):
            raise InputError(
                None,
                f"The optimizer's saved state has another effective rate for layer group {name!r} "
                f"({float(group['lr'])}) than the scheduler gave: {_DAMAGED}",
            )


def require_recorded_rates(recorded: Mapping[str, float], found: Mapping[str, float]) -> None:
    """Raise an InputError unless the optimizer's rates are those that were recorded when its state was saved."""
    for name, lr in found.items():
        if not math.isclose(recorded.get(name, math.nan), lr, rel_tol=1e-6):
            raise InputError(
                None,
                f"The optimizer's saved state has the rate {lr} for layer group {name!r}, and {recorded.get(name)} was "
                "recorded beside it: the files are of different checkpoints, or were edited. Resume from another one.",
            )


_DAMAGED = "the checkpoint is damaged or was edited; resume from an earlier one."


def _close(rates: Sequence[float], index: int, expected: float) -> bool:
    # A tolerance, since a rate that is a float32 tensor stands as a float in the scheduler.
    return index < len(rates) and math.isclose(float(rates[index]), expected, rel_tol=1e-6)


def require_obedient_scheduler(optimizer: Optimizer, scheduler: object | None, units: Mapping[str, float]) -> None:
    """Raise an InputError where a scheduler that is to multiply the base rates has given rates without them.

    That is the very same rate for layer groups of different base rates, or one multiple of the ``units`` that these
    started from. A floor of the schedule (``eta_min``) is neither.
    """
    bases, effective = base_lrs(optimizer), effective_lrs(optimizer)
    if not multiplies_base_rates(scheduler) or len(set(bases.values())) == 1 or not any(effective.values()):
        return
    names = [name for name, lr in bases.items() if lr > 0]
    one_rate = len(set(effective.values())) == 1
    if not (one_rate or same_ratio(effective, units, names)) or same_ratio(effective, bases, names):
        return
    if any(math.isclose(lr, floor, rel_tol=1e-3) for floor in floors(scheduler) for lr in effective.values()):
        return
    raise InputError(
        "scheduler",
        f"({type(scheduler).__name__}) sets {'one rate' if one_rate else 'rates'} ({_span(effective)}) for all layer "
        f"groups, whose learned rates differ ({_span(bases)}): it overwrites them. Use a scheduler that multiplies "
        "base_lrs or group['lr'], as those of torch and Transformers do.",
    )


def require_one_rate_each(optimizer: Optimizer) -> dict[str, float]:
    """Return the rate that every layer group now has; raise an InputError where one was given two."""
    rates: dict[str, float] = {}
    for name, _, group in learned_groups(optimizer):
        lr = float(group["lr"])
        if not 0 <= rates.setdefault(name, lr) < math.inf:
            raise InputError(None, f"The learning rate of layer group {name!r} was set to {lr} between two steps.")
        if rates[name] != lr:
            raise InputError(
                "layer_groups",
                f"must part the parameters so that those of a group share one learning rate; {name!r} was given "
                f"{rates[name]} and {lr} between two steps. Give these parameters layer groups of their own through "
                "patterns, or write one rate.",
            )
    return rates


def refuse_untold_rates(found: Mapping[str, float], left: Mapping[str, float]) -> NoReturn:
    """Raise an InputError for rates that somebody wrote where the engine was told of no scheduler."""
    raise InputError(
        "scheduler",
        f"is None, so nobody but the engine may write learning rates; found others between two steps: "
        f"{_shown(found, left, 1)}. What was learned would be lost. Give the engine the scheduler "
        "(MetaLR(…, scheduler=…) or `engine.scheduler = …`), or the word 'written' in its place where the training "
        "loop writes the rates itself: then the learned rates multiply what it writes.",
    )


def refuse_unexplained_rates(found: Mapping[str, float], left: Mapping[str, float], scheduler: object) -> NoReturn:
    """Raise an InputError for rates that somebody wrote, and that may or may not have the learned ones in them."""
    writer = "the training loop" if scheduler == WRITTEN else f"{type(scheduler).__name__} or a callback"
    raise InputError(
        "scheduler",
        f"must multiply the learned rates. These were overwritten between two steps, by {writer}, and no factor common "
        f"to all layer groups explains how: {_shown(found, left, 3)}. Write to every one of optimizer.param_groups, "
        "which are more than before the engine split them by layer group: one number at every step, times "
        "group['lr_scale'] where there is one. Or use a scheduler of torch or Transformers.",
    )


def _shown(found: Mapping[str, float], left: Mapping[str, float], most: int) -> str:
    changed = [name for name, lr in found.items() if lr != left[name]][:most]
    return "; ".join(f"layer group {name!r} had {left[name]:.4g} and was given {found[name]:.4g}" for name in changed)


def _span(rates: Mapping[str, float]) -> str:
    low, high = min(rates.values()), max(rates.values())
    return f"{low}" if low == high else f"{low} to {high}"
