"""A data set in memory: three splits, labelled, and grouped where samples belong together."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Samples of one split.

    Args:
        inputs: one row per sample: pixels or tokens.
        labels: shape (N,), int64.
        groups: shape (N,), int64; samples of one group belong together (a patient, a smear, near-duplicates).
    """

    inputs: Tensor
    labels: Tensor
    groups: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def require_disjoint_groups(splits: dict[str, Split]) -> None:
    """Raise a ValueError if samples that belong together lie in two splits."""
    seen: dict[int, str] = {}
    for name, split in splits.items():
        for group in set(split.groups.tolist()):
            if group in seen:
                raise ValueError(f"group {group} lies in the splits {seen[group]!r} and {name!r}: one must be dropped.")
            seen[group] = name


def own_groups(split: str) -> Iterator[int]:
    """Number samples that belong to nobody else, without a number in common between splits."""
    start = SPLITS.index(split) * 1_000_000
    yield from range(start, start + 1_000_000)
