"""A folder of images and a folder of masks side by side, as segmentation data sets are often laid out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_metalr.cli.data.split_names import SPLIT_NAMES
from hf_metalr.cli.errors import UserError

IMAGE_FOLDERS = ("images", "image", "imgs")
MASK_FOLDERS = ("masks", "mask", "annotations", "labels", "segmentations")
MASK_ENDINGS = ("_mask", "-mask", "_seg", "_segmentation", "_label")


def has_masks(folder: Path, files: Sequence[Path]) -> bool:
    """Return whether the images below a folder lie in `images` and `masks` folders (by any of the usual names)."""
    parents = {_last_place(path, folder) for path in files}
    return bool(parents) and parents <= {"image", "mask"} and parents == {"image", "mask"}


def open_masks(folder: Path, files: Sequence[Path]) -> Any:
    """Return the images of a folder beside their masks, as columns `image` and `mask`.

    A mask has the name of its image, perhaps with an ending such as `_mask`. Folders above `images` and `masks`, or
    inside both of them, whose name is train, validation or test, are splits.

    Raises:
        UserError: an image without a mask, or a mask without an image.
    """
    from datasets import Dataset, DatasetDict, Image

    images = {_pair_name(path, folder): path for path in files if _last_place(path, folder) == "image"}
    masks = {_pair_name(path, folder): path for path in files if _last_place(path, folder) == "mask"}
    for ones, others, what, lacking in ((images, masks, "image", "mask"), (masks, images, "mask", "image")):
        alone = sorted(str(path.relative_to(folder)) for name, path in ones.items() if name not in others)
        if alone:
            raise UserError(
                f"--data '{folder}': every {what} needs a {lacking} of the same name, found {len(alone)} without one, "
                f"such as '{alone[0]}'."
            )
    splits: dict[str, dict[str, list[str]]] = {}
    for name in sorted(images):
        columns = splits.setdefault(_split_of(name), {"image": [], "mask": []})
        columns["image"].append(str(images[name]))
        columns["mask"].append(str(masks[name]))
    opened = {
        name: Dataset.from_dict(columns).cast_column("image", Image()).cast_column("mask", Image())
        for name, columns in splits.items()
    }
    return DatasetDict(opened) if len(opened) > 1 else next(iter(opened.values()))


def _last_place(path: Path, folder: Path) -> str:
    """Return "image" or "mask" by the folders of a file below another, "" where they say neither."""
    for part in reversed(path.relative_to(folder).parts[:-1]):
        if part.lower() in IMAGE_FOLDERS:
            return "image"
        if part.lower() in MASK_FOLDERS:
            return "mask"
    return ""


def _pair_name(path: Path, folder: Path) -> tuple[str, ...]:
    """Return what an image and its mask share: their folders without `images` or `masks`, and the name."""
    parts = [
        part for part in path.relative_to(folder).parts[:-1] if part.lower() not in (*IMAGE_FOLDERS, *MASK_FOLDERS)
    ]
    name = path.stem
    for ending in MASK_ENDINGS:
        name = name.removesuffix(ending)
    return (*parts, name)


def _split_of(name: tuple[str, ...]) -> str:
    return next((SPLIT_NAMES[part.lower()] for part in name[:-1] if part.lower() in SPLIT_NAMES), "train")
