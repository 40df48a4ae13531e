"""All splits of a data set as one table: where rows come from, which split and which group they are in."""

import argparse

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Image

from hf_metalr.cli.data import add_data_options
from hf_metalr.cli.data.table import Table, load_table
from hf_metalr.cli.errors import UserError
from tests.training.tables import save_images, save_masks


def load(*arguments: object) -> Table:
    parser = argparse.ArgumentParser()
    add_data_options(parser, required=True, several_labels=True)
    return load_table(parser.parse_args(["--data", *map(str, arguments)]))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Return a folder with train, val and test folders of images."""
    folder = tmp_path_factory.mktemp("scans")
    for split, count in {"train": 8, "val": 6, "test": 6}.items():
        save_images(folder / split, count)
    return folder


def test_the_folders_above_the_classes_are_the_splits(folders):
    table = load(folders)
    splits = table.splits(None)
    assert [splits.count(name) for name in ("train", "validation", "test")] == [8, 6, 6]
    for split, file, (_, row) in zip(splits, table.files(), table.origins, strict=True):
        assert file.split("/")[0] == ("val" if split == "validation" else split)  # relative to the data
        assert row < splits.count(split)


def test_one_split_alone_is_to_be_divided(folders):
    table = load(folders, "--split", "train")
    assert table.splits(None) == [None] * 8


def test_a_column_may_say_the_split(tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text("text,label,fold\na,x,train\nb,y,dev\nc,x,test\n")
    assert load(path).splits("fold") == ["train", "validation", "test"]
    path.write_text("text,label,fold\na,x,1\nb,y,2\n")
    with pytest.raises(UserError, match=r"--split-column 'fold' must be called train, validation or test, found 1, 2"):
        load(path).splits("fold")
    with pytest.raises(UserError, match=r"Column 'flod' does not exist\. The columns are: fold"):
        load(path).splits("flod")


def test_patients_come_from_a_column_or_from_the_names_of_files(tmp_path, folders):
    path = tmp_path / "notes.csv"
    path.write_text("text,label,patient\na,x,7\nb,y,7\nc,x,9\n")
    assert load(path).groups("patient", None) == [7, 7, 9]
    table = load(folders, "--split", "train")
    assert table.groups(None, r"patient(\d+)") == [file.split("patient")[1][:2] for file in table.files()]
    assert set(table.groups(None, r"patient\d+")) == {f"patient{number:02d}" for number in range(4)}
    assert table.groups(None, None) is None
    with pytest.raises(UserError, match=r"must match every file's name, not found in 'train/\w+/patient"):
        table.groups(None, r"subject(\d+)")


def test_masks_lie_beside_their_images(tmp_path):
    table = load(save_masks(tmp_path / "cells", 3))
    assert (table.input_columns, table.label_columns) == (["image"], ["mask"])
    assert table.splits(None) == [None] * 3
    for row in table.dataset:
        assert (row["image"].mode, row["mask"].mode) == ("RGB", "L")
        bright = row["image"].convert("L").point(lambda value: 255 * (value > 120))
        assert list(bright.tobytes()) == list(row["mask"].tobytes())  # each mask belongs to its image


@pytest.mark.parametrize("order", ["{split}/{kind}", "{kind}/{split}"])
def test_masks_may_be_in_splits(tmp_path, order):
    made = save_masks(tmp_path / "made", 4)
    for number, split in enumerate(["train", "train", "val", "test"]):
        for kind, name in (("images", f"{number}.png"), ("masks", f"{number}_mask.png")):
            place = tmp_path / "cells" / order.format(split=split, kind=kind)
            place.mkdir(parents=True, exist_ok=True)
            (made / kind / name).rename(place / name)
    splits = load(tmp_path / "cells").splits(None)
    assert sorted(splits) == ["test", "train", "train", "validation"]


def test_an_image_without_its_mask_is_named(tmp_path):
    folder = save_masks(tmp_path / "cells", 3)
    (folder / "masks" / "1_mask.png").unlink()
    with pytest.raises(UserError, match=r"every image needs a mask of the same name, found 1.*'images/1\.png'"):
        load(folder)


def test_a_table_may_name_images_and_masks(tmp_path):
    folder = save_masks(tmp_path / "cells", 2)
    path = folder / "pairs.csv"
    path.write_text("image,mask\nimages/0.png,masks/0_mask.png\nimages/1.png,masks/1_mask.png\n")
    table = load(path)
    assert table.label_columns == ["mask"]
    assert all(isinstance(table.dataset.features[name], Image) for name in ("image", "mask"))
    assert table.files() == ["images/0.png", "images/1.png"]


def test_splits_without_labels_or_of_other_use_are_left_out_and_that_is_said(tmp_path, capsys):
    parts = {
        split: Dataset.from_dict({"text": ["a", "b"], "kind": labels}).cast_column("kind", ClassLabel(names=["x", "y"]))
        for split, labels in {"train": [0, 1], "unsupervised": [0, 0], "test": [-1, -1]}.items()
    }
    DatasetDict(parts).save_to_disk(tmp_path / "notes")
    assert load(tmp_path / "notes").splits(None) == [None, None]
    text = capsys.readouterr().err
    assert "left out: the splits unsupervised" in text
    assert "left out: the splits without labels, test" in text


def test_splits_with_other_classes_are_refused(tmp_path):
    parts = {
        split: Dataset.from_dict({"text": ["a"], "kind": [0]}).cast_column("kind", ClassLabel(names=names))
        for split, names in {"train": ["x", "y"], "test": ["y", "x"]}.items()
    }
    DatasetDict(parts).save_to_disk(tmp_path / "notes")
    with pytest.raises(UserError, match=r"the same columns and classes, but 'test' differs in kind"):
        load(tmp_path / "notes")


def test_a_patient_that_is_missing_is_told_by_its_row(tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text("text,label,patient\na,x,p7\nb,y,\nc,x,p9\n")
    with pytest.raises(UserError, match=r"found 1 of 3 rows without one \(the first is row 1\)"):
        load(path).groups("patient", None)


def test_a_table_with_its_header_alone_has_no_rows(tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text("text,label\n")
    with pytest.raises(UserError, match=r"notes\.csv' has no rows"):
        load(path)
