"""Which images are masks of others: x_mask.png beside x.png, and folders of masks beside folders of images."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from hf_metalr.data.folders.places import Folders

IMAGE_FOLDERS = {"images", "image", "imgs", "img", "original", "originals"}
MASK_FOLDERS = {"masks", "mask", "annotations", "labels", "segmentations", "gt", "groundtruth", "ground truth"}
_ENDING = r"[ _-](?:mask|masks|seg|segmentation|label|gt|groundtruth|superpixels)(?:[ _-]?\d+)?"
_TWIN = re.compile(rf"(?P<base>.+?){_ENDING}$|mask[ _-](?P<after>.+)$", re.IGNORECASE)


@dataclass
class Twins:
    """Images and masks.

    Attributes:
        folders: of every image that is no mask, its folders without those called images.
        masks: of every image that has masks, these.
        alone: masks whose image is not there.
        by_folder: whether masks lie in folders of their own.
        above: folders of images that lie above `images` and `masks`, as class/images does.
    """

    folders: dict[str, Folders]
    masks: dict[str, list[str]] = field(default_factory=dict)
    alone: list[str] = field(default_factory=list)
    by_folder: bool = False
    above: set[Folders] = field(default_factory=set)

    @property
    def names(self) -> list[str]:
        """All masks, in the order of their names."""
        return sorted([name for names in self.masks.values() for name in names] + self.alone)


def find_twins(images: Sequence[str]) -> Twins:
    """Tell masks from images by their names alone.

    A folder is one of masks only beside one of images (a class may be called "mask"), and a file only beside its
    image (a name may end in "_label"). Where some files are twins, others with such an ending are masks without an
    image.
    """
    by_folder = _find_folders(images)
    by_name = _find_names(list(by_folder.folders))
    masks = {name: by_folder.masks.get(name, []) + by_name.masks.get(name, []) for name in by_name.folders}
    return Twins(
        {name: by_folder.folders[name] for name in by_name.folders},
        {name: found for name, found in masks.items() if found},
        by_folder.alone + by_name.alone,
        by_folder.by_folder,
        by_folder.above,
    )


def _find_folders(images: Sequence[str]) -> Twins:
    parts = {name: tuple(name.split("/")[:-1]) for name in images}
    prefixes = {folders[:at] for folders in set(parts.values()) for at in range(1, len(folders) + 1)}
    beside: dict[Folders, set[str]] = {}
    for prefix in prefixes:
        beside.setdefault(prefix[:-1], set()).add(prefix[-1])
    paired = {p for p, names in beside.items() if any(map(_of_images, names)) and any(map(_of_masks, names))}
    twins = Twins(parts)
    if not paired:
        return twins
    twins.by_folder = True
    masks: dict[tuple[Folders, str], list[str]] = {}
    bases: dict[tuple[Folders, str], str] = {}
    for name, folders in parts.items():
        at = next((at for at in reversed(range(len(folders))) if _plays(folders, at, paired)), None)
        if at is None:
            continue
        rest = folders[:at] + folders[at + 1 :]
        if _of_masks(folders[at]):
            masks.setdefault((rest, stem(name)), []).append(name)
        else:
            bases[rest, stem(name)] = name
            twins.folders[name] = rest
            twins.above.add(folders[:at])
    for (rest, own), names in masks.items():
        match = _TWIN.match(own)
        base = bases.get((rest, own)) or (match and bases.get((rest, match["base"] or match["after"])))
        twins.masks.setdefault(base, []).extend(names) if base else twins.alone.extend(names)
    lost = {name for names in masks.values() for name in names}
    twins.folders = {name: folders for name, folders in twins.folders.items() if name not in lost}
    return twins


def _plays(folders: Folders, at: int, paired: set[Folders]) -> bool:
    return folders[:at] in paired and (_of_images(folders[at]) or _of_masks(folders[at]))


def _of_images(folder: str) -> bool:
    return folder.lower() in IMAGE_FOLDERS


def _of_masks(folder: str) -> bool:
    words = folder.lower().replace("_", " ").replace("-", " ")
    return words in MASK_FOLDERS or words.endswith((" mask", " masks"))


def _find_names(images: Sequence[str]) -> Twins:
    places: dict[tuple[str, str], str] = {(name.rpartition("/")[0], stem(name)): name for name in images}
    masks: dict[str, list[str]] = {}
    orphans: list[str] = []
    for name in images:
        if not (match := _TWIN.match(stem(name))):
            continue
        base = places.get((name.rpartition("/")[0], match["base"] or match["after"]))
        if base:
            masks.setdefault(base, []).append(name)
        elif match["base"]:
            orphans.append(name)
    alone = orphans if masks else []
    gone = {*alone, *(name for names in masks.values() for name in names)}
    return Twins({name: tuple(name.split("/")[:-1]) for name in images if name not in gone}, masks, alone)


def stem(name: str) -> str:
    """Return the name of a file without its folders and its suffix."""
    return PurePosixPath(name).stem
