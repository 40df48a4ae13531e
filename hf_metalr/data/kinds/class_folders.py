"""A folder of images, one sub-folder per class."""

from collections.abc import Collection, Sequence
from typing import Any

from hf_metalr.data.folders.class_spelling import spell_classes, tell_classes
from hf_metalr.data.folders.joined_columns import Extra
from hf_metalr.data.folders.listing import Listing
from hf_metalr.data.folders.places import Places, in_order
from hf_metalr.data.opened import IMAGE, LABEL, SUBFOLDER, Opened, build, cells
from hf_metalr.data.words import named
from hf_metalr.errors import InputError

NO_CLASS = "in no class folder"


def class_names(places: Places) -> list[str]:
    """Return the names of the folders that would be classes."""
    return sorted({folders[0] for folders in places.folders.values() if folders})


def open_class_folders(listing: Listing, places: Places, extras: dict[str, Extra] | None = None) -> Opened:
    """Return images with the class that their folder names, and the folders below it as `subfolder`.

    Args:
        listing: of the folder.
        places: where the images lie.
        extras: columns of a table that names images; images that it does not name have None.

    Raises:
        InputError: there are fewer than two classes, or it is not clear what they are.
    """
    if places.problem:
        raise places.problem
    if len(class_names(places)) < 2:
        raise InputError("data", *_too_few(listing, places))
    placed = {name: folders for name, folders in places.folders.items() if folders}
    raw: dict[str | None, set[str]] = {}
    for name, folders in placed.items():
        raw.setdefault(places.splits[name], set()).add(folders[0])
    spelling, notes = spell_classes(raw)
    classes = sorted(set(spelling.values()))
    if len(classes) < 2:
        raise InputError("data", f"has one class alone, '{classes[0]}'. At least two are needed.")
    notes += tell_classes(classes, {split: {spelling[name] for name in own} for split, own in raw.items()})
    notes += _tell_subfolders(list(placed.values()))
    parts = {
        split: _dataset(listing, [n for n in placed if places.splits[n] == split], placed, spelling, extras or {})
        for split in in_order(raw)
    }
    files = listing.files
    for reason, names in places.left_out.items():
        files = files.without(reason, names)
    files = files.without(NO_CLASS, [name for name, folders in places.folders.items() if not folders])
    return Opened(parts, listing.folder, files, [*listing.notes, *places.notes, *notes])


def _dataset(
    listing: Listing,
    names: Sequence[str],
    placed: dict[str, tuple[str, ...]],
    spelling: dict[str, str],
    extras: dict[str, Extra],
) -> Any:
    from datasets import ClassLabel, Image, Value

    label = ClassLabel(names=sorted(set(spelling.values())))
    numbers = {name: number for number, name in enumerate(label.names)}
    columns: dict[str, list[Any]] = {
        IMAGE: cells(listing.folder, names),
        LABEL: [numbers[spelling[placed[name][0]]] for name in names],
    }
    features = {IMAGE: Image(decode=False), LABEL: label}
    if any(len(folders) > 1 for folders in placed.values()):
        level = _level(placed.values())
        columns[SUBFOLDER] = ["/".join(placed[name][1 : level + 1]) or None for name in names]
        features[SUBFOLDER] = Value("string")
    for column, extra in extras.items():
        columns[column] = [extra.values.get(name) for name in names]
        features[column] = extra.feature
    return build(columns, features)


def _level(folders: Collection[tuple[str, ...]]) -> int:
    """Return the first level below the classes that has several folders.

    Those deeper down, such as a patient's eyes or days, would part what belongs together.
    """
    levels = [{parts[level] for parts in folders if len(parts) > level} for level in range(1, max(map(len, folders)))]
    return next((level for level, names in enumerate(levels, start=1) if len(names) > 1), 1)


def _tell_subfolders(folders: Sequence[tuple[str, ...]]) -> list[str]:
    below = {"/".join(parts[1 : _level(folders) + 1]) for parts in folders if len(parts) > 1}
    if not below:
        return []
    count = f"{len(below)} subfolder{'s' * (len(below) > 1)} below the classes"
    words = f"{count} {'are' if len(below) > 1 else 'is'} not read as classes, such as '{min(below)}'"
    return [f"{words}; if each is a patient, keep it on one side with --group-column {SUBFOLDER}"]


def _too_few(listing: Listing, places: Places) -> list[str]:
    """Say what was found instead of two class folders, and the ways out."""
    classes = class_names(places)
    found = f"one folder with images, '{classes[0]}'" if classes else "images without a folder of their own"
    if len(classes) == 0 and any(places.splits.values()):
        found = f"images directly in the splits {', '.join(sorted({str(s) for s in places.splits.values()}))}"
    words = [
        f"'{listing.folder}' must hold a sub-folder of images for every class, at least two, or a table that names its "
        f"images; found {len(places.folders)} image{'s' * (len(places.folders) != 1)}: {found}. Sort them into folders "
        "that are called as the classes"
    ]
    above = [str(path) for path in sorted(listing.folder.absolute().parent.glob("*.csv"))]
    tables = [str(listing.folder / name) for name in listing.tables] or above
    if tables:
        return [*words, f", or give the table with the labels itself, as {named('table', tables)}."]
    return [*words, ", or give a table with a column of files and one of labels."]
