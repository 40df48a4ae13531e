"""What a learning-rate scheduler does to the rates, told from what it keeps.

multiplies     torch's and Transformers': ``base_lrs`` times a factor; the base rates in it are the learned ones
owns           plateau schedulers: they scale what ``group["lr"]`` holds, now and then
writes         timm's: ``base_values`` times a factor (and times ``group["lr_scale"]``) into ``group["lr"]``, which
               it never reads
unknown        any other, and a loop that writes rates itself (the word `WRITTEN` in a scheduler's place);
               `hf_metalr.engine.written_rates` finds out from what they write
"""

from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR

from hf_metalr.errors import InputError
from hf_metalr.layer_groups.param_groups import PER_GROUP_LISTS

WRITTEN = "written"


def bare_scheduler(scheduler: Any) -> Any:
    """Return the scheduler inside a wrapper (accelerate's ``AcceleratedScheduler``).

    Raises:
        InputError: it is a word other than "written".
    """
    if isinstance(scheduler, str) and scheduler != WRITTEN:
        raise InputError(
            "scheduler",
            f"must be a learning-rate scheduler, {WRITTEN!r} where the training loop writes the rates itself, or None "
            f"where they stay; found {scheduler!r}.",
        )
    while scheduler is not None and not hasattr(scheduler, "base_lrs") and hasattr(scheduler, "scheduler"):
        scheduler = scheduler.scheduler
    return scheduler


def bare_optimizer(optimizer: Any) -> Any:
    """Return the torch optimizer inside a wrapper (accelerate's ``AcceleratedOptimizer``)."""
    while isinstance(getattr(optimizer, "optimizer", None), Optimizer):
        optimizer = optimizer.optimizer
    return optimizer


def multiplies_base_rates(scheduler: Any) -> bool:
    """Whether the scheduler multiplies ``base_lrs``."""
    return hasattr(scheduler, "base_lrs")


def owns_rates(scheduler: Any) -> bool:
    """Whether the scheduler scales the rates that it finds, as plateau schedulers do."""
    return not multiplies_base_rates(scheduler) and hasattr(scheduler, "num_bad_epochs")


def written_units(scheduler: Any) -> Sequence[float] | None:
    """Return what a scheduler that writes rates calls the rate of each param group, and None for other schedulers."""
    if multiplies_base_rates(scheduler) or hasattr(scheduler, "lr_scheduler"):  # timm's plateau: writes and scales
        return None
    return getattr(scheduler, "base_values", None)


def last_lrs(scheduler: Any) -> Sequence[float]:
    """Return the rates that the scheduler gave last, one per param group; nothing where it does not tell."""
    return [float(lr) for lr in getattr(scheduler, "_last_lr", None) or ()]


def floors(scheduler: Any) -> list[float]:
    """Return the rates that a schedule may bring all layer groups to (``eta_min``), whatever they learn."""
    found = [float(scheduler.eta_min)] if hasattr(scheduler, "eta_min") else []
    return found + [floor for part in getattr(scheduler, "_schedulers", ()) for floor in floors(part)]


def extend_scheduler(scheduler: Any, optimizer: Optimizer) -> None:
    """Give a scheduler one entry for each param group that was added to its optimizer after it was made.

    Raises:
        InputError: what it keeps of a param group cannot be told for the new ones.
    """
    for part in getattr(scheduler, "_schedulers", ()):
        extend_scheduler(part, optimizer)
    groups = optimizer.param_groups
    for name, value in list(getattr(scheduler, "__dict__", {}).items()):
        if name not in PER_GROUP_LISTS or not isinstance(value, (list, tuple)) or not 0 < len(value) < len(groups):
            continue
        added = groups[len(value) :]
        if isinstance(scheduler, (CyclicLR, OneCycleLR)) or (name not in _RATES and any(v != value[0] for v in value)):
            raise InputError(
                "scheduler",
                f"{type(scheduler).__name__} keeps {name} for each of {len(value)} param groups, and {len(added)} were "
                "added since: what it is for these cannot be told. Add the param groups before the scheduler is made.",
            )
        if name == "base_lrs":
            for group in added:
                group.setdefault("initial_lr", group["lr"])
        key = "lr" if name == "_last_lr" else "initial_lr"
        rates = [float(group.get(key, group["lr"])) for group in added]
        setattr(scheduler, name, [*value, *(rates if name in _RATES else [value[0]] * len(added))])


_RATES = ("base_lrs", "base_values", "_last_lr", "_init_lrs")
