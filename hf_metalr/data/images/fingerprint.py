"""By what two images are found to be the same: their pixels, or a small hash of what they look like."""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 16
BITS = SIDE * SIDE
MARGIN = 1
"""Grey levels by which a neighbour must be brighter: flat ground, whose noise would make random bits, gives 0."""

ALIKE = 14
"""Most bits in which near duplicates differ, of 256.

Measured: of the 29 million pairs of different images among 5,827 chest X-rays of 28 pixels (PneumoniaMNIST) and 4,883
blood cells of 96 (BCCD) the nearest lie 16 apart, and are other images. Among 779 breast ultrasounds (BUSI), which hold
repeats, 125 pairs lie within 14, and those looked at are repeats. An image saved anew as JPEG, enlarged or a little
brighter mostly moves by less; one that is mirrored, or cropped by a twentieth, by more: these are not found.
"""


def pixel_key(image: "Image") -> bytes:
    """Return what equal images alone share: a digest of size, mode and pixels."""
    digest = hashlib.blake2b(f"{image.mode} {image.size}".encode(), digest_size=16)
    digest.update(image.tobytes())
    return digest.digest()


def difference_hash(image: "Image") -> np.ndarray | None:
    """Return 256 bits as four uint64: whether each place of a 16 × 17 reduction is darker than the one to its right.

    None of an image without any structure, of which the bits say nothing.

    Source: the "dHash" of N. Krawetz, 2013, with more bits and a margin.
    """
    from PIL.Image import Resampling

    grey = np.asarray(image.convert("L").resize((SIDE + 1, SIDE), Resampling.BILINEAR), dtype=np.int16)
    bits = grey[:, 1:] > grey[:, :-1] + MARGIN
    return np.packbits(bits).view(np.uint64) if bits.sum() >= ALIKE else None
