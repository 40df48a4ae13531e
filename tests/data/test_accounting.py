"""Over random folders: every file is read or left out with a reason, and no order of files changes anything."""

import itertools
import random
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from hf_metalr.data.opened import Opened
from hf_metalr.errors import InputError
from tests.data.trees import PNG, paths, read

FOLDERS = st.sampled_from(
    [
        "train",
        "Testing",
        "val",
        "a",
        "b",
        "B",
        "b ",
        "images",
        "masks",
        "mask",
        "part_1",
        "part_2",
        "scans",
        ".git",
        "__MACOSX",
        "out",
    ]
)
FILES = st.sampled_from(
    [
        "1.png",
        "2.JPG",
        "1_mask.png",
        "2_mask_1.png",
        "train_3.png",
        "x[1].tif",
        "IM_1",
        "._1.png",
        ".DS_Store",
        "notes.txt",
        "empty.png",
        "metalr.json",
        "labels.csv",
        "train.csv",
        "test.csv",
    ]
)
LABELS = "file,label,patient\n1.png,u,p\n2,v,q\na/x[1].tif,u,p\n"
CONTENTS = {
    "IM_1": bytes(128) + b"DICM",
    "empty.png": b"",
    "labels.csv": LABELS.encode(),
    "train.csv": LABELS.encode(),
    "test.csv": b"file\n2\n",
    "metalr.json": b"{}",
}


def trees(folders: list[str]) -> st.SearchStrategy[set[str]]:
    """Draw files in folders of a few names, so that they meet."""
    places = st.lists(st.sampled_from(folders), max_size=3).map("/".join)
    return st.sets(st.tuples(places, FILES).map(lambda tree: "/".join(filter(None, tree))), max_size=14)


TREES = st.lists(FOLDERS, min_size=1, max_size=4).flatmap(trees)
ASKED = st.sampled_from(
    [(None, {}), (True, {}), (False, {}), (None, {"label_column": ("label",)}), (None, {"group_column": "patient"})]
)


def write(root: Path, names: list[str]) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(CONTENTS.get(name.rpartition("/")[2], PNG))


def open_or_refuse(root: Path, masks: bool | None, config: dict) -> Opened | str:
    """Return what is opened, or the words of the refusal; every other exception is a fault."""
    try:
        return read(root, masks, **config)
    except InputError as error:
        return str(error).replace(str(root), "")


def content(opened: Opened) -> dict:
    """Return all rows of all splits, with images by their names, and the classes."""
    return {
        split: (
            {
                column: paths(opened, part, column) if "Image" in str(feature) else list(part[column])
                for column, feature in part.features.items()
            },
            getattr(part.features.get("label"), "names", None),
        )
        for split, part in opened.parts.items()
    }


def images_of(opened: Opened) -> list[str]:
    columns = [
        paths(opened, part, name)
        for part in opened.parts.values()
        for name, feature in part.features.items()
        if "Image" in str(feature)
    ]
    return [name for name in itertools.chain(*columns) if name is not None]


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(TREES, ASKED, st.integers(0, 9))
@example({"train/a/1.png", "train/b/2.JPG", "Testing/a/1.png", "1.png", "labels.csv"}, (None, {}), 0)
@example({"a/1.png", "b/2.JPG", "a/1_mask.png", "labels.csv", ".git/1.png"}, (None, {}), 1)
@example({"a/1.png", "a/1_mask.png", "a/2_mask_1.png", "b/1.png"}, (None, {}), 4)
@example({"images/1.png", "masks/1_mask.png", "scans/2.JPG"}, (True, {}), 2)
@example({"part_1/1.png", "part_2/2.JPG", "train.csv", "test.csv"}, (None, {}), 3)
def test_nothing_vanishes_and_no_order_matters(tree, asked, seed):
    names = sorted(tree)
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "first"), Path(folder, "second")
        first.mkdir(), second.mkdir()
        write(first, names)
        write(second, random.Random(seed).sample(names, len(names)))
        opened, again = open_or_refuse(first, *asked), open_or_refuse(second, *asked)
    if isinstance(opened, str) or isinstance(again, str):
        assert opened == again
        return
    assert content(opened) == content(again)
    assert opened.files == again.files
    assert [note.replace(str(first), "") for note in opened.notes] == [n.replace(str(second), "") for n in again.notes]
    read_images, lost = images_of(opened), [name for entry in opened.files.left_out for name in entry.names]
    tables = {name for name in names if name.endswith(".csv")} - set(lost)
    assert len(read_images) == len(set(read_images))
    assert sorted([*read_images, *lost, *tables]) == names
    assert opened.files.found == len(names) == opened.files.read + len(lost)
