"""What a Trainer reads: normalised images, augmented while training, or tokens."""

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from benchmarks.accuracy.splits import Split

# A light augmentation that suits X-rays, ultrasound, cells and clothes alike: mirrored, and moved by up to a sixteenth.
SHIFT = 1 / 16


class Images(Dataset):
    """Normalised images as a model takes them.

    Args:
        split: images, uint8 of shape (N, C, side, side).
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
        image = self.split.inputs[index]
        if self.augment:
            image = _augmented(image)
        pixels = (image.expand(3, -1, -1).float() - self._mean) / self._std
        return {"pixel_values": pixels, "labels": int(self.split.labels[index])}


class Texts(Dataset):
    """Tokens and their mask. The padding token must be 0.

    Args:
        split: token ids, int64 of shape (N, tokens).
    """

    augment = False

    def __init__(self, split: Split) -> None:
        self.split = split

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> dict[str, Any]:
        tokens = self.split.inputs[index]
        return {"input_ids": tokens, "attention_mask": (tokens != 0).long(), "labels": int(self.split.labels[index])}


Samples = Images | Texts


def _augmented(image: Tensor) -> Tensor:
    side = image.shape[-1]
    most = round(side * SHIFT)
    flip, down, right = torch.rand(()).item() < 0.5, *torch.randint(0, 2 * most + 1, (2,)).tolist()
    padded = torch.nn.functional.pad(image, (most,) * 4)
    moved = padded[:, down : down + side, right : right + side]
    return moved.flip(-1) if flip else moved
