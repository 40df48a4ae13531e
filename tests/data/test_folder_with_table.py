"""Images beside tables that name them."""

import pytest

from hf_metalr.data.config import DataConfig
from hf_metalr.data.folders.naming import FileIndex
from hf_metalr.data.tables.table import make_table
from hf_metalr.errors import InputError
from tests.data.trees import left_out, paths, plant, product, read, rows


def table(root, name, *lines):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def told(opened):
    return "\n".join(opened.notes)


@pytest.fixture
def ham(tmp_path):
    plant(tmp_path, [f"HAM_images_part_{part}/ISIC_{part}{i}.jpg" for part in (1, 2) for i in range(3)])
    return table(
        tmp_path,
        "HAM_metadata.csv",
        "lesion_id,image_id,dx",
        *[f"L{i},ISIC_{part}{i},{'mel' if i else 'nv'}" for part in (1, 2) for i in range(3)],
    )


@pytest.mark.parametrize("columns", [None, ("dx",)])
def test_folders_of_parts_are_no_classes_beside_a_table(ham, columns):
    opened = read(ham, label_column=columns)
    assert rows(opened, "dx", "image_id") == {
        None: {f"HAM_images_part_{part}/ISIC_{part}{i}.jpg": "mel" if i else "nv" for part in (1, 2) for i in range(3)}
    }
    assert list(opened.parts[None]["lesion_id"]) == ["L0", "L1", "L2"] * 2
    assert "'HAM_metadata.csv' names the images in its column 'image_id'" in told(opened)
    assert str(opened.files) == "7 files found, all read"


def test_images_without_a_row_and_rows_without_an_image_are_left_out(ham):
    (ham / "HAM_images_part_2/ISIC_21.jpg").rename(ham / "HAM_images_part_2/other.jpg")
    opened = read(ham)
    assert len(opened.parts[None]) == 5
    assert left_out(opened) == {"no row of 'HAM_metadata.csv' names it": ["HAM_images_part_2/other.jpg"]}
    assert "left out: 1 of 6 rows of 'HAM_metadata.csv' whose image is not there: row 4 ('ISIC_21')" in told(opened)
    ledger = make_table(opened, DataConfig((str(ham),), label_column=("dx",)), several_splits=True).rows
    assert str(ledger) == "6 rows found = 5 read + 1 left out"


def test_half_of_the_images_may_be_there(ham):
    for file in (ham / "HAM_images_part_2").iterdir():
        file.unlink()
    opened = read(ham)
    assert len(opened.parts[None]) == 3
    assert "3 of 6 rows" in told(opened)


@pytest.fixture
def kaggle(tmp_path):
    plant(tmp_path, product(["images"], ["01", "02", "03", "04", "05", "06"]))
    table(tmp_path, "train.csv", "file,age,finding", *[f"images/0{i}.png,{i},{'ab'[i % 2]}" for i in range(1, 5)])
    table(tmp_path, "test.csv", "file,age", "images/05.png,5", "images/06.png,6")
    return table(tmp_path, "sample_submission.csv", "file,finding", "images/05.png,a", "images/06.png,a")


@pytest.mark.parametrize("columns", [None, ("finding",)])
def test_a_split_without_labels_and_other_tables_are_left_out(kaggle, columns):
    opened = read(kaggle, label_column=columns)
    assert rows(opened, "finding", "file") == {"train": {f"images/0{i}.png": "ab"[i % 2] for i in range(1, 5)}}
    assert left_out(opened) == {
        "without labels, by 'test.csv'": ["test.csv", "images/05.png", "images/06.png"],
        "table that is not used": ["sample_submission.csv"],
    }
    assert "left out: the split test ('test.csv'), which has no column 'finding'" in told(opened)


def test_tables_with_labels_are_splits(kaggle):
    table(kaggle, "test.csv", "file,finding,extra", "images/05.png,a,1", "images/06.png,b,2")
    opened = read(kaggle, label_column=("finding",))
    assert rows(opened, "finding", "file")["test"] == {"images/05.png": "a", "images/06.png": "b"}
    assert opened.parts["train"].column_names == opened.parts["test"].column_names
    assert "left out: 'age' of 'train.csv', columns that not every split has" in told(opened)


def test_an_image_in_two_splits_is_refused(kaggle):
    table(kaggle, "test.csv", "file,finding", "images/01.png,a", "images/06.png,b")
    with pytest.raises(InputError, match=r"'images/01.png' in two splits, by 'train.csv' and 'test.csv'"):
        read(kaggle, label_column=("finding",))


def test_several_tables_are_a_question(kaggle):
    (kaggle / "train.csv").rename(kaggle / "labels.csv")
    (kaggle / "test.csv").unlink()
    table(kaggle, "labels2.csv", "file,finding", *[f"0{i}.png,a" for i in range(1, 5)])
    with pytest.raises(InputError, match=r"several tables that name its images, 'labels.csv', 'labels2.csv'"):
        read(kaggle)


def test_metadata_beside_the_images_of_every_split(tmp_path):
    plant(tmp_path, product(["train", "test"], [1, 2]))
    for split in ("train", "test"):
        table(tmp_path, f"{split}/metadata.csv", "file_name,kind", f"1.png,{split} a", f"2.png,{split} b")
    assert rows(read(tmp_path), "kind", "file_name") == {
        split: {f"{split}/1.png": f"{split} a", f"{split}/2.png": f"{split} b"} for split in ("train", "test")
    }


def test_the_folders_of_the_images_may_be_the_splits_of_one_table(tmp_path):
    plant(tmp_path, product(["train", "test"], ["1", "2"]))
    table(tmp_path, "labels.csv", "path,kind", "train/1.png,a", "train/2.png,b", "test/1.png,a", "test/2.png,b")
    assert rows(read(tmp_path), "kind", "path")["test"] == {"test/1.png": "a", "test/2.png": "b"}
    table(tmp_path, "labels.csv", "id,kind", "1,a", "2,b")
    with pytest.raises(
        InputError, match=r"row 0 of 'id': '1' is test/1.png or train/1.png; row 1.*relative to the table"
    ):
        read(tmp_path)


def test_a_row_for_every_image(tmp_path):
    plant(tmp_path, ["1.png", "2.png"])
    opened = read(table(tmp_path, "t.csv", "file,kind", "1.png,a", "2.png,b", "1.png,a"))
    assert len(opened.parts[None]) == 2
    assert "1 rows of 't.csv' that repeat another, such as row 2" in told(opened)
    with pytest.raises(InputError, match=r"several rows that differ, such as '1.png' in rows 0, 2"):
        read(table(tmp_path, "t.csv", "file,kind", "1.png,a", "2.png,b", "1.png,b"))


def test_a_table_that_names_no_image_is_told_with_what_to_do(tmp_path):
    plant(tmp_path, ["1.png", "2.png"])
    with pytest.raises(
        InputError, match=r"a table that names its images in one column: the table 't.csv' is not used: no"
    ):
        read(table(tmp_path, "t.csv", "who,age", "x,30", "y,40"))


def test_masks_that_a_table_names_are_read(tmp_path):
    plant(tmp_path, ["x.png", "x_mask.png", "y.png", "y_mask.png", "z.png"])
    table(tmp_path, "t.csv", "image,mask", "x.png,x_mask.png", "y.png,y_mask.png")
    opened = read(tmp_path, masks=True, label_column=("mask",), input_column=("image",))
    assert {split: len(part) for split, part in opened.parts.items()} == {None: 2}


CLASSES = ["a/a1.png", "a/a2.png", "b/b1.png", "b/b2.png"]


def test_columns_are_joined_to_class_folders(tmp_path):
    plant(tmp_path, CLASSES)
    opened = read(table(tmp_path, "patients.csv", "id,patient,age", "a1,p,3", "a2,q,4", "b1,p,3", "c9,r,5"))
    assert set(rows(opened)[None].values()) == {"a", "b"}
    assert rows(opened, "patient")[None] == {"a/a1.png": "p", "a/a2.png": "q", "b/b1.png": "p", "b/b2.png": None}
    assert rows(opened, "age")[None]["a/a2.png"] == 4
    assert "labels are the class folders; 'patients.csv' adds the columns 'patient', 'age'" in told(opened)
    assert "1 of 4 images have no row in it, such as 'b/b2.png'" in told(opened)
    assert "1 of its rows name no image, the first is row 3" in told(opened)
    assert str(opened.files) == "5 files found, all read"


@pytest.mark.parametrize(("column", "wanted"), [("label", None), ("grade", ("grade",))])
def test_a_column_of_labels_comes_before_class_folders(tmp_path, column, wanted):
    plant(tmp_path, CLASSES)
    opened = read(
        table(tmp_path, "t.csv", f"file,{column}", *[f"{name},{name[-5]}" for name in CLASSES]), label_column=wanted
    )
    assert set(map(str, rows(opened, column, "file")[None].values())) == {"1", "2"}


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["id,p", "a1,x", "a2,y", "a1,z"], "its rows 0 and 2 name one image, 'a/a1.png', and differ"),
        (["age,sex", "3,f", "4,m"], "no column names the images"),
        ([""], "is not used"),
    ],
)
def test_a_table_that_cannot_be_joined_is_told(tmp_path, lines, why):
    opened = read(table(plant(tmp_path, CLASSES), "t.csv", *lines))
    assert rows(opened)[None] == {name: name[0] for name in CLASSES}
    assert why in told(opened)
    assert left_out(opened) == {"table that is not used": ["t.csv"]}


def test_ages_name_images_by_chance_and_are_no_files(tmp_path):
    plant(tmp_path, [f"{'ab'[i % 2]}/{i}.png" for i in range(1, 7)])
    opened = read(table(tmp_path, "t.csv", "scan,id", *[f"{'ab'[i % 2]}/{i}.png,{7 - i}" for i in range(1, 7)]))
    assert rows(opened, "id")[None]["b/1.png"] == 6


@pytest.mark.parametrize(
    ("cell", "files"),
    [
        ("a/1.png", ["a/1.png"]),
        ("./a/1.PNG", ["a/1.png"]),
        ("C:\\scans\\a\\1.png", ["a/1.png"]),
        ("/home/me/b/1.png", ["b/1.png"]),
        ("1.png", ["a/1.png", "b/1.png"]),
        ("1", ["a/1.png", "b/1.png"]),
        ("b/1", ["b/1.png"]),
        ("1.2.840.5", ["b/1.2.840.5.dcm"]),
        ("1.2.840", []),
        ("007.jpg", ["a/007.png"]),
        (7, ["a/007.png"]),
        (7.0, ["a/007.png"]),
        (7.5, []),
        (True, []),
        ("", []),
        (None, []),
    ],
)
def test_what_a_cell_can_mean(cell, files):
    assert FileIndex(["a/1.png", "b/1.png", "b/1.2.840.5.dcm", "a/007.png"]).find(cell) == files


def test_paths_are_relative_to_the_table_first():
    assert FileIndex(["1.png", "a/1.png"]).find("1.png", "a") == ["a/1.png"]
    assert FileIndex(["1.png", "a/1.png"]).find("1.png") == ["1.png"]


def test_files_below_the_table_come_first():
    index = FileIndex(["train/x/1.png", "test/x/1.png"])
    assert index.find(1, "test") == index.find("1", "test") == ["test/x/1.png"]
    assert index.find(1, "meta") == index.find("1") == ["train/x/1.png", "test/x/1.png"]


def test_folders_that_are_splits_by_a_part_of_their_name_are_no_classes_beside_a_table(tmp_path):
    # As of APTOS 2019.
    plant(tmp_path, [*product(["train_images"], ["a1", "a2"]), *product(["test_images"], ["b1", "b2"])])
    table(tmp_path, "train.csv", "id_code,diagnosis", "a1,0", "a2,3")
    table(tmp_path, "test.csv", "id_code", "b1", "b2")
    table(tmp_path, "sample_submission.csv", "id_code,diagnosis", "b1,0", "b2,0")
    opened = read(tmp_path)
    assert rows(opened, "diagnosis", "id_code") == {"train": {"train_images/a1.png": 0, "train_images/a2.png": 3}}
    assert "'sample_submission.csv' is not used: a form for submissions holds no labels" in told(opened)


def test_a_table_of_every_split_with_numbers_of_its_own(tmp_path):
    # As of RFMiD.
    places = {"train": "Training_Set/Training", "validation": "Evaluation_Set/Validation", "test": "Test_Set/Test"}
    for split, place in places.items():
        plant(tmp_path, product([place], [1, 2]))
        table(tmp_path, f"{place.partition('/')[0]}/RFMiD_{split}_labels.csv", "ID,risk", "1,0", f"2,{len(split)}")
    assert rows(read(tmp_path), "risk", "ID") == {
        split: {f"{place}/1.png": 0, f"{place}/2.png": len(split)} for split, place in places.items()
    }


def test_two_images_in_a_row_and_words_that_name_images_by_chance(tmp_path):
    plant(tmp_path, ["l1.png", "r1.png", "l2.png", "r2.png", "1.png", "2.png"])
    lines = ["left,right,grade,who", "l1,r1.png,2,l1", "l2.png,r2,1,l1", "1,2,1,l1"]
    opened = read(table(tmp_path, "t.csv", *lines))
    part = opened.parts[None]
    assert paths(opened, part, "left") == ["l1.png", "l2.png", "1.png"]
    assert paths(opened, part, "right") == ["r1.png", "r2.png", "2.png"]
    assert (part["grade"][:], part["who"][:]) == ([2, 1, 1], ["l1"] * 3)


def test_a_number_is_a_name_where_no_text_is(tmp_path):
    plant(tmp_path, ["1.png", "2.png", "3.png", "4.png"])
    opened = read(table(tmp_path, "t.csv", "id,grade", "1,2", "2,1", "3,2", "4,1"))
    assert rows(opened, "grade", "id")[None] == {"1.png": 2, "2.png": 1, "3.png": 2, "4.png": 1}


def test_a_patient_who_is_called_as_several_images_does_not_matter(tmp_path):
    plant(tmp_path, product("ab", [1, 2]))
    opened = read(table(tmp_path, "t.csv", "file,patient", *[f"{c}/{i}.png,{i}p" for c in "ab" for i in (1, 2)]))
    assert rows(opened, "patient")[None]["b/2.png"] == "2p"
    plant(tmp_path, product("ab", ["1p", "2p"]))
    assert rows(read(tmp_path), "patient")[None]["b/2.png"] == "2p"
