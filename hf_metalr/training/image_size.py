"""Another size of images than a model was trained on, set in its processor and its configuration together.

Position embeddings are made for one size. They are interpolated to the new one once, as the models' own
``interpolate_pos_encoding`` does at every forward; whatever else depends on the size is refused.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hf_metalr.engine.no_trace import evaluation_mode
from hf_metalr.errors import InputError
from hf_metalr.loading import first_line

_NAME = "image_size"


def resized_processor(processor: Any, size: int, source: str) -> Any:
    """Return a model's image processor for images of ``size`` × ``size`` pixels.

    What is cut away at the edges keeps its share: a processor of 256 pixels cut to 224 becomes one of 110 cut to 96.

    Raises:
        InputError: the processor has no size that could be set, or makes other images of it.
    """
    content = processor.to_dict()
    old, crop = _plain(content.get("size")), _plain(content.get("crop_size"))
    cuts = content.get("do_center_crop", False) and crop
    changes: dict[str, Any] = {}
    if cuts and old:
        share = size / max(crop.values())
        changes = {"size": {key: round(value * share) for key, value in old.items()}}
    elif old and set(old) == {"shortest_edge", "longest_edge"}:  # of images that keep their shape
        changes = {"size": {"shortest_edge": size, "longest_edge": size}}
    elif old:
        changes = {"size": dict.fromkeys(old, size)}
    if crop:
        changes["crop_size"] = dict.fromkeys(crop, size)
    changed = type(processor).from_dict(content | changes)
    shape = _shape_of_result(changed, processor)
    if shape != (size, size):
        found = "has no size" if shape is None else f"makes {shape[0]} × {shape[1]} pixels of an image of 50 × 70"
        raise InputError(
            _NAME,
            f"cannot be {size} for '{source}': its image processor ({type(processor).__name__}) {found}. Leave it out, "
            "or give a model whose processor makes images of one size.",
        )
    return changed


def set_in_config(config: Any, size: int, source: str) -> None:
    """Set the size in a model's configuration, where it has one; models that take any size have none.

    Raises:
        InputError: the size is no multiple of the model's patches, which would leave pixels out.
    """
    parts = [part for part in (config, getattr(config, "vision_config", None)) if part is not None]
    for part in parts:
        patch = getattr(part, "patch_size", None)
        patch = max(patch) if isinstance(patch, list | tuple) else patch
        if isinstance(patch, int) and size % patch:
            near = sorted({max(patch, size // patch * patch), (size // patch + 1) * patch})
            raise InputError(
                _NAME,
                f"must be a multiple of {patch}, the side of the patches of '{source}', found {size}: pixels would be "
                f"left out. The nearest are {' and '.join(map(str, near))}.",
            )
        old = getattr(part, "image_size", None)
        if old is not None:
            part.image_size = type(old)([size, size]) if isinstance(old, list | tuple) else size


def take_over_positions(model: nn.Module, old: Mapping[str, Tensor], names: set[str], source: str, size: int) -> None:
    """Give a model for a new size the interpolated tensors of the same model for the old one.

    Args:
        model: for the new size; changed in place.
        old: the tensors of the same weights loaded for the size they were made for.
        names: of the tensors whose shape differs between the two.
        source: of the model, for messages.
        size: new side of the images, for messages.

    Raises:
        InputError: a tensor is none of positions, or images of the new size do not pass through the model.
    """
    state = model.state_dict()
    for name in sorted(names):
        value = interpolated(old[name], state[name].shape) if name in old else None
        if value is None:
            raise InputError(
                _NAME,
                f"cannot be {size} for '{source}': its tensor {name} of shape {tuple(state[name].shape)} depends on "
                "the size and is no table of positions that could be interpolated. Leave it out.",
            )
        state[name].copy_(value)
    pixels = torch.zeros(1, getattr(model.config, "num_channels", 3), size, size)
    try:
        with torch.no_grad(), evaluation_mode(model):
            model(pixel_values=pixels)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise InputError(
            _NAME, f"cannot be {size} for '{source}': its forward pass refuses such images ({first_line(error)})."
        ) from error


def interpolated(table: Tensor, shape: torch.Size) -> Tensor | None:
    """Return a table of positions for another grid; None where the shapes are not those of square grids.

    The positions lie in the one dimension that differs: g² of a grid, or (2g − 1)² relative ones, row by row, with some
    that belong to no place (class and distillation tokens) before those of a grid and after relative ones.
    """
    differing = [axis for axis, (a, b) in enumerate(zip(table.shape, shape, strict=False)) if a != b]
    if table.ndim != len(shape) or len(differing) != 1:
        return None
    axis = differing[0]
    for extra in range(4):  # BEiT has 3 relative distances of the class token, DeiT 2 tokens, ViT 1
        old, new = table.shape[axis] - extra, shape[axis] - extra
        if min(old, new) > 0 and math.isqrt(old) ** 2 == old and math.isqrt(new) ** 2 == new:
            return _interpolated(table.movedim(axis, 0), math.isqrt(old), math.isqrt(new), extra).movedim(0, axis)
    return None


def _interpolated(table: Tensor, side: int, wanted: int, extra: int) -> Tensor:
    relative = extra == 3
    first, last = (0, extra) if relative else (extra, 0)
    places = table[first : len(table) - last]
    grid = places.reshape(1, side, side, -1).permute(0, 3, 1, 2)
    mode = "bilinear" if relative else "bicubic"  # as BEiT does, and as all others do
    grid = F.interpolate(grid.float(), size=(wanted, wanted), mode=mode, align_corners=False)
    new = grid.permute(0, 2, 3, 1).reshape(wanted * wanted, *table.shape[1:]).to(table.dtype)
    return torch.cat([table[:first], new, table[len(table) - last :]])


def _plain(size: Any) -> dict[str, int]:
    """The sizes that a processor has set, by name; nothing where it has none."""
    if isinstance(size, int):
        return {"shortest_edge": size}
    return {key: value for key, value in dict(size or {}).items() if value is not None}


def _shape_of_result(processor: Any, before: Any) -> tuple[int, int] | None:
    """Height and width of what a processor makes of an image of 50 × 70; None where it has no size, or fails."""
    from PIL import Image

    if not _plain(before.to_dict().get("size")):
        return None
    channels = getattr(processor, "image_mean", None) or [0, 0, 0]
    image = Image.new("L" if isinstance(channels, list | tuple) and len(channels) == 1 else "RGB", (70, 50))
    try:
        pixels = processor(images=image, return_tensors="pt")["pixel_values"]
    except (ValueError, TypeError, RuntimeError):
        return None
    return (int(pixels.shape[-2]), int(pixels.shape[-1])) if pixels.ndim >= 3 else None
