"""What lies in a folder: every file is counted once, as an image, as a table, or with the reason why it is neither."""

import contextlib
import os

import pytest

from hf_metalr.data.folders.listing import barren, list_folder
from hf_metalr.errors import InputError
from tests.data.trees import PNG, plant

OTHERS = {
    ".DS_Store": "hidden",
    "a/.ipynb_checkpoints/1-checkpoint.png": "hidden",
    "a/._1.png": "added by macOS",
    "__MACOSX/a/1.png": "added by macOS",
    "a/Thumbs.db": "written by the system",
    "a/desktop.ini": "written by the system",
    "DICOMDIR": "written by the system",
    "brain.NII.GZ": "no image or table of a known kind (.nii.gz)",
    "brain.mat": "no image or table of a known kind (.mat)",
    "a/notes.txt": "no image or table of a known kind (.txt)",
    "LICENSE": "no image or table (no suffix)",
    "1.2.840": "no image or table (no suffix)",
    "more.zip": "archive (unpack it to read what it holds)",
    "ages.xlsx": "spreadsheet (save it as CSV to read it)",
    "out/learned_rates.png": "in the folder of a model or a run",
    "out/metalr.json": "in the folder of a model or a run",
}


def reasons(listing):
    return {name: entry.reason for entry in listing.files.left_out for name in entry.names}


def test_every_file_is_an_image_a_table_or_left_out_with_the_reason(tmp_path):
    plant(tmp_path, ["a/1.PNG", "a/b/2.jpeg", "ages.csv", "a/more.Parquet", *OTHERS])
    plant(tmp_path, ["a/empty.png"], b"")
    listing = list_folder(tmp_path)
    assert listing.images == ("a/1.PNG", "a/b/2.jpeg")
    assert listing.tables == ("a/more.Parquet", "ages.csv")
    assert reasons(listing) == OTHERS | {"a/empty.png": "empty file"}
    assert listing.files.found == 4 + len(OTHERS) + 1
    assert listing.files.read == 4


def test_dicom_is_known_by_its_bytes_where_the_name_does_not_say(tmp_path):
    plant(tmp_path, ["IM_0001", "1.2.840.113619"], bytes(128) + b"DICM and more")
    plant(tmp_path, ["IM_0002"], bytes(127) + b"DICM and more")
    listing = list_folder(tmp_path)
    assert listing.images == ("1.2.840.113619", "IM_0001")
    assert reasons(listing) == {"IM_0002": "no image or table (no suffix)"}


def test_linked_folders_and_files_are_followed_once(tmp_path):
    plant(tmp_path / "store", ["a/1.png", "b/2.png"])
    folder = plant(tmp_path / "scans", ["c/3.png"])
    for link, target in {
        "a": tmp_path / "store" / "a",  # elsewhere: read
        "again": tmp_path / "store" / "a",  # read already
        "c/up": folder,  # a cycle
        "copy": folder / "c",  # of what is read in its own place
        "c/b.png": tmp_path / "store" / "b" / "2.png",
        "c/broken.png": tmp_path / "nowhere.png",
    }.items():
        os.symlink(target, folder / link)
    os.symlink("self.png", folder / "c" / "self.png")
    listing = list_folder(folder)
    assert listing.images == ("a/1.png", "c/3.png", "c/b.png")
    assert set(reasons(listing)) == {"c/broken.png", "c/self.png"}
    assert reasons(listing)["c/broken.png"] == "broken link"
    assert [note.split("'")[1] for note in listing.notes] == ["again", "c/up", "copy"]


def test_the_order_of_the_disk_makes_no_difference(tmp_path, monkeypatch):
    folder = plant(tmp_path / "scans", ["a/1.png", "a b/1.png", "a-b/2.png", "c.csv", ".x/1.png", "a/2.txt"])
    plant(tmp_path / "store", ["1.png"])
    for link in ("y", "z"):  # one folder under two names: it is read under the first
        os.symlink(tmp_path / "store", folder / link)
    listing, scan = list_folder(folder), os.scandir
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", lambda path: scan_backwards(scan, path))
        assert list_folder(folder) == listing
    assert listing.images == ("a/1.png", "a b/1.png", "a-b/2.png", "y/1.png")


@contextlib.contextmanager
def scan_backwards(scan, path):
    with scan(path) as entries:
        yield sorted(entries, key=lambda entry: entry.name, reverse=True)


def test_the_listed_folder_may_itself_be_a_link(tmp_path):
    plant(tmp_path / "store", ["a/1.png"])
    os.symlink(tmp_path / "store", tmp_path / "scans")
    assert list_folder(tmp_path / "scans").images == ("a/1.png",)


def test_names_that_are_not_utf8_are_told(tmp_path):
    (tmp_path / os.fsdecode(b"scan\xff.png")).write_bytes(PNG)
    plant(tmp_path, ["größe ☃.png"])
    listing = list_folder(tmp_path)
    assert listing.images == ("größe ☃.png",)
    assert reasons(listing) == {"scan\\xff.png": "the name is not UTF-8"}


def test_a_folder_that_cannot_be_opened_is_told(tmp_path, monkeypatch):
    plant(tmp_path, ["a/1.png", "b/2.png"])
    if os.geteuid():
        (tmp_path / "b").chmod(0)
    else:  # for whom every folder opens
        scan = os.scandir
        closed = str(tmp_path / "b")

        def refuse(path):
            if str(path) == closed:
                raise PermissionError(13, "Permission denied", path)
            return scan(path)

        monkeypatch.setattr(os, "scandir", refuse)
    listing = list_folder(tmp_path)
    assert listing.images == ("a/1.png",)
    assert listing.notes == ("the folder 'b' cannot be opened (Permission denied): its files are not read",)


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"`data` '.*nothing' cannot be opened"):
        list_folder(tmp_path / "nothing")


def test_folders_without_an_image_are_named_by_their_uppermost(tmp_path):
    plant(tmp_path, ["a/1.png", "b/", "c/d/notes.txt", "a/e/", ".hidden/"])
    assert list(barren(list_folder(tmp_path))) == ["a/e", "b", "c"]
