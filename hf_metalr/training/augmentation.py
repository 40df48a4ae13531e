"""Random variants of training images, made before the model's own image processor: it still sets size, mean and spread.

One affine map per image does turn, zoom, shift and mirror together, so that pixels are interpolated once; the mask of a
segmentation goes through the same map.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Augmentation:
    """How far images may be changed; each image draws uniformly within these bounds.

    Attributes:
        turn: degrees to either side.
        zoom: smallest and largest magnification; above 1 crops.
        shift: of width and height, to either side.
        light: relative change of brightness and of contrast, to either side.
        flip: probability of mirroring left and right.
    """

    turn: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    shift: float = 0.0
    light: float = 0.0
    flip: float = 0.0

    def __call__(
        self, image: "Image", mask: "Image | None" = None, mask_fill: int = 0
    ) -> tuple["Image", "Image | None"]:
        """Return a variant of an image, and of its mask by the same geometry.

        Draws from torch's default generator, so that the seed of a run, and a resumed run, give the same variants.

        Args:
            image: RGB or grey.
            mask: class numbers, of the same size; None without one.
            mask_fill: what the mask holds where the variant shows nothing of the image.
        """
        from PIL import ImageEnhance
        from PIL.Image import Resampling, Transform

        draws = torch.rand(7).tolist()
        matrix = self._matrix(draws, image.size)
        image = image.transform(image.size, Transform.AFFINE, matrix, Resampling.BILINEAR)
        if mask is not None:
            mask = mask.transform(mask.size, Transform.AFFINE, matrix, Resampling.NEAREST, fillcolor=mask_fill)
        if self.light:
            image = ImageEnhance.Brightness(image).enhance(1 + self.light * (2 * draws[5] - 1))
            image = ImageEnhance.Contrast(image).enhance(1 + self.light * (2 * draws[6] - 1))
        return image, mask

    def _matrix(self, draws: list[float], size: tuple[int, int]) -> tuple[float, ...]:
        """The map from a place (x, y) in the variant to (ax + by + c, dx + ey + f) in the image, about the centre."""
        angle = math.radians(self.turn * (2 * draws[0] - 1))
        zoom = self.zoom[0] + (self.zoom[1] - self.zoom[0]) * draws[1]
        mirror = -1.0 if draws[4] < self.flip else 1.0
        a, b = mirror * math.cos(angle) / zoom, math.sin(angle) / zoom
        d, e = -mirror * math.sin(angle) / zoom, math.cos(angle) / zoom
        middle_x, middle_y = size[0] / 2, size[1] / 2
        shift_x, shift_y = (self.shift * length * (2 * draw - 1) for length, draw in zip(size, draws[2:4], strict=True))
        return (
            a,
            b,
            middle_x + shift_x - a * middle_x - b * middle_y,
            d,
            e,
            middle_y + shift_y - d * middle_x - e * middle_y,
        )


# Mild throughout: each bound keeps what an expert would still call the same image.
LIGHT = Augmentation(zoom=(1.0, 1.2), shift=0.05, light=0.1, flip=0.5)
# As scans of another day differ: position, size, exposure. Never mirrored, since left and right are findings.
MEDICAL = Augmentation(turn=7.0, zoom=(0.9, 1.1), shift=0.05, light=0.15)
