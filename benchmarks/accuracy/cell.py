"""A cell of the grid: everything that decides one training run, and the key under which its result is kept."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One training run.

    Args:
        dataset: an image set.
        size: training samples, or "all".
        backbone: a network.
        pretrained: whether it starts from its pre-trained weights or from random ones.
        method: how it is trained; a name in `benchmarks.accuracy.methods.METHODS`.
        settings: of the method.
        rate: (initial) learning rate; None for a method that takes none.
        steps: optimizer steps.
        batch: samples per step.
        seed: of the subset, the new head, random weights, the order of the data and their augmentation.
        test: whether the finished network is also evaluated on the test split, once.
    """

    dataset: str
    size: int | str
    backbone: str
    method: str
    rate: float | None
    seed: int
    pretrained: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 100
    batch: int = 16
    test: bool = False

    @property
    def key(self) -> str:
        """Hash of everything that decides the result; the order of settings does not count."""
        text = json.dumps(self.to_dict(), sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return the cell as JSON has it."""
        return asdict(self) | {"settings": dict(self.settings)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Cell":
        """Return the cell that `to_dict` described.

        Raises:
            ValueError: an entry is unknown or missing.
        """
        known = {item.name for item in fields(cls)}
        if unknown := set(values) - known:
            raise ValueError(f"a cell has the entries {sorted(known)}; found also {sorted(unknown)}.")
        if missing := {"dataset", "size", "backbone", "method", "rate", "seed"} - set(values):
            raise ValueError(f"a cell must say its {sorted(missing)}.")
        return cls(**values)
