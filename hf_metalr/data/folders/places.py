"""Where an image lies: the split that its folders name, and the folders that are left, the class first."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hf_metalr.data.splits.split_names import SPLIT_NAMES, split_of
from hf_metalr.data.words import named, show
from hf_metalr.errors import InputError

Folders = tuple[str, ...]
# In names such as train_images and Evaluation_Set, which say what such a folder is, but are no split's whole name.
SPLIT_WORDS = SPLIT_NAMES | {"eval": "evaluation", "evaluation": "evaluation"}
# Of folders that hold a part of the images each, as large archives are published: HAM10000_images_part_1, images_002.
PART_WORDS = {"part", "image", "images", "img", "imgs", "batch", "chunk", "shard", "archive", "zip", "fold"}

FOLD_WORDS = {"fold", "folds", "kfold", "cv", "split", "repeat"}


@dataclass
class Places:
    """Where the images lie.

    Attributes:
        folders: of every image that has a place, the folders left of its path.
        splits: of every image that has a place, the split; None where there are none.
        left_out: images without a place, by the reason.
        notes: what was decided, one sentence each.
        problem: why the folders cannot be read as splits and classes; None if they can.
    """

    folders: dict[str, Folders]
    splits: dict[str, str | None]
    left_out: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problem: InputError | None = None


def find_places(images: Mapping[str, Folders]) -> Places:
    """Take wrapping folders and splits off the folders of images.

    In this order: a single folder around everything is passed through; folders called train, validation or test (by
    any of their names, in any case) at the top, or directly below *every* class, are splits; a single folder inside
    of every split is passed through; folders that are numbered parts of one archive are too.

    Args:
        images: the folders of every image, by its name.
    """
    places = Places(dict(images), dict.fromkeys(images))
    _unwrap(places, [list(images)])
    tops = _tops(places, images)
    words = [top for top in tops if split_of(top)]
    if words and len(words) < len(tops) and "train" not in map(split_of, words):
        others = [top for top in tops if top not in words]
        places.problem = InputError(
            "data",
            f"holds the {named('folder', words)} beside {show(others)}, so it is not clear what are splits and what "
            "are classes. Put the classes into folders train and test, or rename what is no split.",
        )
    elif words:
        _take_off(places, 0, "outside of the split folders")
    elif _below_every_class(places, tops):
        _refuse_folds(places, tops)
        places.notes.append("the folders inside the classes are the splits")
        _take_off(places, 1, "beside the split folders")
    else:
        _tell_ignored(places)
    _join_parts(places)
    _doubt_classes(places)
    return places


def in_order(splits: Iterable[str | None]) -> list[str | None]:
    """Return the different splits, the training first."""
    order = (None, *dict.fromkeys(SPLIT_NAMES.values()))
    return sorted(set(splits), key=order.index)


def _tops(places: Places, names: Iterable[str]) -> list[str]:
    return sorted({places.folders[name][0] for name in names if places.folders.get(name)})


def _unwrap(places: Places, parts: Sequence[list[str]]) -> None:
    """Pass through folders that hold everything, as long as every part has one; not a lone class, nor a split."""
    while all(_wrapped(places, names) for names in parts):
        wrappers = sorted({top for names in parts for top in _tops(places, names)})
        places.notes.append(f"the images lie in the {named('folder', wrappers)}: read from there")
        for names in parts:
            for name in names:
                places.folders[name] = places.folders[name][1:]


def _wrapped(places: Places, names: Sequence[str]) -> bool:
    tops = _tops(places, names)
    if len(tops) != 1 or (split_of(tops[0]) and split_of(tops[0]) != places.splits[names[0]]):
        return False
    direct = sum(len(places.folders[name]) == 1 for name in names)
    return direct * 2 < sum(bool(places.folders[name]) for name in names)


def _take_off(places: Places, level: int, reason: str) -> None:
    """Turn the folders on one level into splits; images that have none there are left out."""
    spellings: dict[str, set[str]] = {}
    for name, folders in list(places.folders.items()):
        split = split_of(folders[level]) if len(folders) > level else None
        if split is None:
            places.left_out.setdefault(reason, []).append(name)
            del places.folders[name], places.splits[name]
            continue
        spellings.setdefault(split, set()).add(folders[level])
        places.folders[name] = (*folders[:level], *folders[level + 1 :])
        places.splits[name] = split
    for split, found in sorted(spellings.items()):
        if len(found) > 1:
            places.notes.append(f"the folders {show(sorted(found))} are one split, {split}")
    if level == 0:
        _unwrap(places, [[n for n in places.folders if places.splits[n] == split] for split in sorted(spellings)])


def _below_every_class(places: Places, tops: Sequence[str]) -> bool:
    below = {top: {f[1] for f in places.folders.values() if len(f) > 1 and f[0] == top} for top in tops}
    return bool(below) and all(found and all(map(split_of, found)) for found in below.values())


def _refuse_folds(places: Places, tops: Sequence[str]) -> None:
    """Refuse the folds of a cross-validation: joined, what one trains on would be tested on by another."""
    if all(set(re.split(r"[\W_\d]+", top.lower())) & FOLD_WORDS for top in tops):
        places.problem = InputError(
            "data",
            f"holds the {named('folder', tops)}, each with splits of its own, as for cross-validation: what one trains "
            f"on, another tests on. Give one of them, such as '{tops[0]}'.",
        )


def _tell_ignored(places: Places) -> None:
    """Tell words of splits that were not taken as such."""
    folders = {"/".join(f[: at + 1]) for f in set(places.folders.values()) for at in range(len(f)) if split_of(f[at])}
    if folders:
        places.notes.append(
            f"{named('folder', sorted(folders))}: not read as splits, which are folders at the top or in every class"
        )
    words = {split_of(re.split(r"[^a-z]", name.rpartition("/")[2].lower())[0]) for name in places.folders}
    if None not in words and len(words) > 1:
        places.notes.append(
            "the names of the files begin with words such as train and test, which are not read as splits: move the "
            "files into folders of these names, or name a column of a table with --split-column"
        )


def _doubt_classes(places: Places) -> None:
    """Find folders that are splits by a part of their names: read as classes they would be a grave mistake."""
    tops = _tops(places, places.folders)
    words = [{SPLIT_WORDS[word] for word in re.split(r"[\W_]+", top.lower()) if word in SPLIT_WORDS} for top in tops]
    if places.problem is None and all(words) and len(set().union(*words)) > 1:
        places.problem = InputError(
            "data",
            f"holds the {named('folder', tops)}, which look like splits, not like classes. Call them train, validation "
            "and test, with a sub-folder for every class in each, or give a table with the labels.",
        )


def _join_parts(places: Places) -> None:
    tops = _tops(places, places.folders)
    bare = {re.sub(r"\d+", "#", top.lower()) for top in tops}
    if len(tops) > 1 and len(bare) == 1 and "#" in (one := bare.pop()) and set(re.split(r"[\W_]+", one)) & PART_WORDS:
        places.notes.append(f"{named('folder', tops)}: parts of one set of images, not classes")
        for name, folders in places.folders.items():
            places.folders[name] = folders[1:]
