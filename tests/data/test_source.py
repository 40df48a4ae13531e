"""What `data` may name, and what is said when nothing is there."""

import os

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value
from PIL import Image as Picture

from hf_metalr.data.config import DataConfig
from hf_metalr.data.source import open_source
from hf_metalr.errors import InputError
from tests.data.trees import plant, read


def open_all(*sources, **config):
    return open_source(DataConfig(tuple(map(str, sources)), **config))


def test_a_saved_data_set_is_opened_with_and_without_splits(tmp_path):
    features = Features({"text": Value("string"), "kind": ClassLabel(names=["x", "y"])})
    part = Dataset.from_dict({"text": ["a"] * 3, "kind": [0] * 3}, features=features)
    part.save_to_disk(tmp_path / "one")
    DatasetDict({"train": part, "test": part.select([0])}).save_to_disk(tmp_path / "splits")
    assert {split: len(rows) for split, rows in read(tmp_path / "one").parts.items()} == {None: 3}
    opened = read(tmp_path / "splits")
    assert {split: len(rows) for split, rows in opened.parts.items()} == {"train": 3, "test": 1}
    assert opened.parts["train"].features["kind"].names == ["x", "y"]


def test_images_of_a_saved_data_set_are_not_decoded(tmp_path):
    Picture.new("L", (2, 2)).save(tmp_path / "x.png")
    Dataset.from_dict({"scan": [str(tmp_path / "x.png")]}).cast_column("scan", Image()).save_to_disk(tmp_path / "saved")
    part = read(tmp_path / "saved").parts[None]
    assert part.features["scan"] == Image(decode=False)
    assert part[0]["scan"]["bytes"].startswith(b"\x89PNG")


def test_tables_in_a_folder_and_what_lies_beside_them(tmp_path):
    plant(tmp_path, ["a.csv"], b"text,label\na,x\nb,y\n")
    plant(tmp_path, ["notes.txt", ".DS_Store"])
    opened = read(tmp_path)
    assert {split: len(part) for split, part in opened.parts.items()} == {None: 2}
    assert str(opened.files) == "3 files found = 1 read + 2 left out"


def test_brackets_in_the_name_of_a_table_are_no_pattern(tmp_path):
    plant(tmp_path / "x [1]", ["t [v2].csv"], b"text,label\na,x\n")
    assert len(open_all(tmp_path / "x [1]" / "t [v2].csv").parts[None]) == 1


def test_files_are_absolute(tmp_path, monkeypatch):
    plant(tmp_path / "scans", ["a/1.png", "b/1.png"])
    monkeypatch.chdir(tmp_path)
    opened = open_all("scans")
    assert opened.folder == tmp_path / "scans"
    assert [cell["path"] for cell in opened.parts[None]["image"]] == [f"{tmp_path}/scans/{c}/1.png" for c in "ab"]


@pytest.fixture
def mistakes(tmp_path, monkeypatch):
    """Enter a folder where much is not as it should be."""
    monkeypatch.chdir(tmp_path)
    plant(tmp_path, ["notes.csv", "scan.png", "scans.zip", "brain.nii.gz", "ages.xlsx", "story.txt", "empty/"])
    plant(tmp_path, ["no_rows.jsonl"], b"")
    plant(tmp_path, ["broken/state.json"])
    os.symlink("nowhere", "link")


MISTAKES = {
    "note.csv": r"`data` 'note\.csv' does not exist\. In '\.' there are: notes\.csv",
    "x/y.csv": r"`data` 'x/y\.csv' does not exist\. Neither does the folder 'x'",
    "./link": r"'./link' does not exist\. In '\.' there are: link",
    "nobody/nothing": r"neither a file or folder here nor a data set that the Hub gives",
    "scan.png": r"'scan\.png' is a single image: name its folder",
    "scans.zip": r"'scans\.zip' is an archive: unpack it",
    "brain.nii.gz": r"'brain\.nii\.gz' is an archive",
    "ages.xlsx": r"is a spreadsheet: save it as CSV",
    "story.txt": r"all of one kind, \.csv or .*, found \.txt",
    "no_rows.jsonl": r"'no_rows\.jsonl' is an empty file",
    "empty": r"'empty' holds no image.*found an empty folder",
    "broken": r"'broken' cannot be opened",
    "notes.csv empty": r"one folder or several files, found 2 sources with a folder\. Folders train and test",
}


@pytest.mark.usefixtures("mistakes")
@pytest.mark.parametrize("sources", MISTAKES)
def test_what_is_missing_is_named_with_what_exists(sources):
    with pytest.raises(InputError, match=MISTAKES[sources]):
        open_all(*sources.split())


@pytest.mark.usefixtures("mistakes")
def test_a_subset_belongs_to_the_hub():
    with pytest.raises(InputError, match=r"`subset` belongs to data sets of the Hub, but `data` 'notes\.csv' is local"):
        open_all("notes.csv", subset="en")
