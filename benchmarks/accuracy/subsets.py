"""Small training sets, drawn by class from a seed."""

import torch
from torch import Tensor

from benchmarks.accuracy.splits import Split


def stratified_subset(split: Split, size: int | str, seed: int) -> Split:
    """Return ``size`` samples with the classes in the proportions of the whole, each class at least once.

    Args:
        split: the training split.
        size: number of samples, or "all".
        seed: of the draw. The smaller of two subsets of one seed lies within the larger, up to rounding.

    Raises:
        ValueError: more samples asked for than there are, or fewer than there are classes.
    """
    if size == "all":
        return split
    classes, counts = split.labels.unique(return_counts=True)
    if not isinstance(size, int) or not len(classes) <= size <= len(split):
        raise ValueError(f"size must be 'all' or from {len(classes)} (classes) to {len(split)}; found {size!r}.")
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for label, share in zip(classes.tolist(), _shares(counts, size), strict=True):
        members = (split.labels == label).nonzero().flatten()
        chosen.append(members[torch.randperm(len(members), generator=generator)[:share]])
    rows = torch.cat(chosen).sort().values
    return Split(split.inputs[rows], split.labels[rows], split.groups[rows])


def _shares(counts: Tensor, size: int) -> list[int]:
    """Largest remainders: whole numbers that add up to ``size``, none of them 0."""
    exact = counts.double() * size / counts.sum()
    shares = exact.floor().long().clamp(min=1)
    while shares.sum() != size:
        step = 1 if shares.sum() < size else -1
        open_classes = (shares + step >= 1) & (shares + step <= counts)
        gain = torch.where(open_classes, step * (exact - shares), -torch.inf)
        shares[gain.argmax()] += step
    return shares.tolist()
