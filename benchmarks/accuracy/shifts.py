"""Image sets whose pixels or labels differ from those of the set on which a network was trained, its source.

``fashion_mnist_source`` is what the source network learns from; ``fashion_mnist_inverted``, ``_noise``, ``_blur`` and
``_permuted`` are what it is adapted to, and likewise for every other image set. Training images of the source and of
the shifted sets have no group in common; a shift does the same to training, validation and test images.

Which shift lies where (Lee et al., arXiv 2210.11466): pixels near the input, labels at the output.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.accuracy.assets import Assets
from benchmarks.accuracy.images import load_images
from benchmarks.accuracy.splits import SPLITS, Split

# Severities as in CIFAR-10-C and ImageNet-C (Hendrycks & Dietterich, arXiv 1903.12261). Noise, in units of the pixels'
# range: Gaussian, the third of ImageNet-C's five (0.08 to 0.38; CIFAR-10-C: 0.04 to 0.10). At 0.38 nothing is left of a
# source network's skill on clothes: 0.10 with ten classes. Blur, in units of the side: Gaussian, twice the worst of
# CIFAR-10-C's (0.4 to 1 of 32 pixels), since clothes and X-rays are large and plain shapes.
NOISE = 0.18
BLUR = 2 / 32
SHIFTS = ("inverted", "noise", "blur", "permuted")
SOURCE = "source"
# A source network sees all images but a fifth of the groups, from which the small training sets are drawn.
POOL = 1 / 5
# Sets of which `load_images` decodes a part only, with the name of the whole.
WHOLE = {"fashion_mnist": "fashion_mnist_all"}


def is_shifted(dataset: str) -> bool:
    """Return whether a name is that of a shifted set or of a source."""
    return dataset.rpartition("_")[2] in (*SHIFTS, SOURCE)


def load_shifted(dataset: str, side: int, assets: Assets) -> dict[str, Split]:
    """Return the splits of a shifted set, or with ``_source`` those of its source, in which only ``train`` differs.

    Args:
        dataset: name of an image set, an underscore, and a shift or "source".
        side: pixels of a side.
        assets: where to look.
    """
    name, _, shift = dataset.rpartition("_")
    splits = load_images(WHOLE.get(name, name), side, assets)
    source, pool = divided(splits["train"])
    if shift == SOURCE:
        return splits | {"train": source}
    classes = int(splits["train"].labels.max()) + 1
    # Each split has noise of its own.
    return {split: shifted((splits | {"train": pool})[split], shift, classes, SPLITS.index(split)) for split in SPLITS}


def divided(split: Split) -> tuple[Split, Split]:
    """Return the samples of a source network and the others, by groups, always the same ones."""
    groups = split.groups.unique()
    order = torch.randperm(len(groups), generator=torch.Generator().manual_seed(0))
    in_pool = torch.isin(split.groups, groups[order[: round(len(groups) * POOL)]])
    source, pool = (Split(split.inputs[rows], split.labels[rows], split.groups[rows]) for rows in (~in_pool, in_pool))
    return source, pool


def shifted(split: Split, shift: str, classes: int, seed: int) -> Split:
    """Return a split as a shift leaves it; only noise depends on the seed."""
    inputs, labels = split.inputs, split.labels
    match shift:
        case "inverted":
            inputs = inverted(inputs)
        case "noise":
            inputs = noisy(inputs, seed)
        case "blur":
            inputs = blurred(inputs)
        case "permuted":
            labels = permuted(labels, classes)
        case _:
            raise ValueError(f"shift must be one of {', '.join(SHIFTS)}; found {shift!r}.")
    return Split(inputs, labels, split.groups)


def inverted(images: Tensor) -> Tensor:
    """Return the negative of uint8 images."""
    return 255 - images


def noisy(images: Tensor, seed: int) -> Tensor:
    """Add Gaussian noise to uint8 images (N, C, H, W): one draw per pixel and channel, once and for all."""
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    return _to_pixels(images + 255 * NOISE * noise)


def blurred(images: Tensor) -> Tensor:
    """Blur uint8 images (N, C, side, side) with a Gaussian of `BLUR` sides, mirrored at the edges."""
    side = images.shape[-1]
    radius = min(round(3 * BLUR * side), side - 1)
    weights = torch.exp(-((torch.arange(-radius, radius + 1) / (BLUR * side)) ** 2) / 2)
    weights /= weights.sum()
    flat = F.pad(images.float().flatten(0, 1)[:, None], (radius,) * 4, mode="reflect")
    rows = F.conv2d(flat, weights.view(1, 1, 1, -1))
    return _to_pixels(F.conv2d(rows, weights.view(1, 1, -1, 1)).view(images.shape))


def permuted(labels: Tensor, classes: int) -> Tensor:
    """Give every class the label of the next one, and the last that of the first: two classes change places."""
    return (labels + 1) % classes


def _to_pixels(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)
