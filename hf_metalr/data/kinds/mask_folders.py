"""Images beside their masks: `images` and `masks` side by side, or x_mask.png beside x.png."""

from collections.abc import Sequence
from typing import Any

from hf_metalr.data.folders.listing import Listing
from hf_metalr.data.folders.places import Places, find_places, in_order
from hf_metalr.data.folders.twins import Twins
from hf_metalr.data.opened import IMAGE, MASK, SUBFOLDER, Opened, build, cells
from hf_metalr.data.words import show
from hf_metalr.errors import InputError


def lie_in_folders(twins: Twins) -> bool:
    """Return whether most images lie in `images` beside `masks`, with no classes above them."""
    outside = sum(not _in_images(twins, name) for name in twins.folders)
    if not twins.by_folder or 2 * outside >= len(twins.folders):
        return False
    above = find_places({"/".join(folders): folders for folders in twins.above})
    return len({folders[0] for folders in above.folders.values() if folders}) < 2


def open_mask_folders(listing: Listing, twins: Twins) -> Opened:
    """Return images with their masks, as columns `image` and `mask`.

    Folders above `images` and `masks`, or inside both of them, whose name is train, validation or test, are splits;
    others become the column `subfolder`.

    Raises:
        InputError: there are no masks, an image has none, or a mask has no image.
    """
    if not twins.masks:
        raise InputError(
            "data",
            f"'{listing.folder}' must hold masks for segmentation, found none: put them into a folder masks beside a "
            "folder images, with the same names, or give a table with a column of images and one of masks.",
        )
    stray = [
        name for name in twins.folders if twins.by_folder and not _in_images(twins, name) and name not in twins.masks
    ]
    places = find_places({name: folders for name, folders in twins.folders.items() if name not in set(stray)})
    if places.problem:
        raise places.problem
    _refuse_alone([name for name in places.folders if name not in twins.masks], "image", "mask")
    _refuse_alone(twins.alone, "mask", "image")
    several = [name for name in places.folders if len(twins.masks[name]) > 1]
    placed = [name for name in places.folders if name not in set(several)]
    if not placed:
        raise InputError(
            "data",
            f"'{listing.folder}' has several masks for every image, as {show(twins.masks[several[0]])}: join them.",
        )
    files = listing.files.without("in no folder of images", stray)
    for reason, names in places.left_out.items():
        files = files.without(reason, [*names, *(mask for name in names for mask in twins.masks.get(name, ()))])
    more = [one for name in several for one in (name, *twins.masks[name])]
    files = files.without("an image with several masks, or one of these (join them into one)", more)
    splits = in_order(places.splits[name] for name in placed)
    parts = {
        split: _dataset(listing, [n for n in placed if places.splits[n] == split], places, twins) for split in splits
    }
    return Opened(parts, listing.folder, files, [*listing.notes, *places.notes])


def _in_images(twins: Twins, name: str) -> bool:
    return len(twins.folders[name]) < name.count("/")


def _dataset(listing: Listing, names: Sequence[str], places: Places, twins: Twins) -> Any:
    from datasets import Image, Value

    columns: dict[str, list[Any]] = {
        IMAGE: cells(listing.folder, names),
        MASK: cells(listing.folder, [twins.masks[name][0] for name in names]),
    }
    features = {IMAGE: Image(decode=False), MASK: Image(decode=False)}
    if len(set(places.folders.values())) > 1:
        columns[SUBFOLDER] = ["/".join(places.folders[name]) or None for name in names]
        features[SUBFOLDER] = Value("string")
    return build(columns, features)


def _refuse_alone(names: Sequence[str], what: str, lacking: str) -> None:
    if names:
        raise InputError(
            "data",
            f"must hold a {lacking} of the same name for every {what}, found {len(names)} without one, such as "
            f"{show(sorted(names), 3)}.",
        )
