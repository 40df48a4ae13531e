"""The classes that folders name: one spelling each, in alphabetical order."""

import unicodedata
from collections.abc import Mapping, Sequence

from hf_metalr.data.folders.places import in_order
from hf_metalr.data.words import show
from hf_metalr.errors import InputError


def spell_classes(found: Mapping[str | None, set[str]]) -> tuple[dict[str, str], list[str]]:
    """Give every class one spelling.

    Folders that differ in blanks around the name, or in how an accent is stored (macOS), are one class. So are those
    that differ in upper and lower case, but in different splits only: side by side they may be two.

    Args:
        found: of every split, the names of the class folders.

    Returns:
        The class of every folder's name, and what is to be told.

    Raises:
        InputError: two folders of a split differ in upper and lower case alone.
    """
    # The training split's spelling first.
    names = list(dict.fromkeys(name for split in in_order(found) for name in sorted(found[split])))
    spellings: dict[str, list[str]] = {}
    for name in names:
        spellings.setdefault(_clean(name).casefold(), []).append(name)
    for folders in found.values():
        _refuse_twice(sorted(folders))
    notes = [
        f"the folders {show(same)} are one class, '{_clean(same[0])}'" for same in spellings.values() if len(same) > 1
    ]
    return {name: _clean(same[0]) for same in spellings.values() for name in same}, notes


def _refuse_twice(folders: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for name in dict.fromkeys(map(_clean, folders)):
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise InputError(
                "data",
                f"has the class folders '{other}' and '{name}' side by side: one class or two? Move the images into "
                "one of them, or rename one so that more than upper and lower case differs.",
            )


def _clean(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip() or name


def tell_classes(classes: Sequence[str], found: Mapping[str | None, set[str]]) -> list[str]:
    """Tell classes that not every split has, and numbers that are not in the order of numbers.

    Args:
        classes: all of them.
        found: of every split, its classes.
    """
    notes = []
    for split, own in ((split, found[split]) for split in in_order(found)):
        lost = [name for name in classes if name not in own]
        if lost:
            notes.append(f"the split {split} has no image of {show(lost)}")
    if all(name.isdecimal() for name in classes) and list(classes) != sorted(classes, key=int):
        notes.append(f"classes are in alphabetical order, also where they are numbers: {show(classes)}")
    return notes
