"""Small training sets, drawn by class from a seed, and the samples that a Trainer reads from them."""

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from benchmarks.accuracy.images import Split

# A light augmentation that suits X-rays, ultrasound, cells and clothes alike: mirrored, and moved by up to a sixteenth.
SHIFT = 1 / 16


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
    return Split(split.images[rows], split.labels[rows], split.groups[rows])


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


class Samples(Dataset):
    """Normalised images as a model takes them.

    Args:
        split: the images.
        mean: per channel, in units of a pixel (0 to 255).
        std: likewise.
        augment: mirror and move each image at random, from torch's global random stream, which the Trainer seeds.
    """

    def __init__(self, split: Split, mean: Tensor, std: Tensor, augment: bool) -> None:
        self.split, self.augment = split, augment
        self._mean, self._std = mean.view(-1, 1, 1), std.view(-1, 1, 1)

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = self.split.images[index]
        if self.augment:
            image = _augmented(image)
        pixels = (image.expand(3, -1, -1).float() - self._mean) / self._std
        return {"pixel_values": pixels, "labels": int(self.split.labels[index])}


def _augmented(image: Tensor) -> Tensor:
    side = image.shape[-1]
    most = round(side * SHIFT)
    flip, down, right = torch.rand(()).item() < 0.5, *torch.randint(0, 2 * most + 1, (2,)).tolist()
    padded = torch.nn.functional.pad(image, (most,) * 4)
    moved = padded[:, down : down + side, right : right + side]
    return moved.flip(-1) if flip else moved
