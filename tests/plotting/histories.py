"""Histories as a run writes them, with every key."""

import math
from typing import Any


def full_history(groups: int = 4, steps: int = 6, first: float = 1e-4, prefix: str = "") -> list[dict[str, Any]]:
    """Rates that drift apart, with hypergradients that ask for it: down at the input, up at the head.

    Args:
        groups: how many, of which the last is the head.
        steps: meta steps.
        first: the rate that all begin with.
        prefix: of the names of all groups but the head.
    """
    names = [prefix + "stem", *(f"{prefix}layer.{index}" for index in range(groups - 2)), "head"]
    directions = {name: 2 * index / max(groups - 1, 1) - 1 for index, name in enumerate(names)}
    rows = []
    for step in range(1, steps + 1):
        lrs = {name: first * math.exp(0.5 * step / steps * direction) for name, direction in directions.items()}
        rows.append(
            {
                "step": step,
                "base_lr": lrs,
                "effective_lr": {name: lr * (1 - step / (steps + 1)) for name, lr in lrs.items()},
                "hypergradient": {name: -0.1 * directions[name] / lr for name, lr in lrs.items()},
                "meta_loss": 0.7,
            }
        )
    return rows
