"""Class folders in all the shapes in which they come."""

import pytest

from hf_metalr.errors import InputError
from tests.data.trees import left_out, plant, product, read, rows

AB = {"a/1.png": "a", "a/2.png": "a", "b/1.png": "b", "b/2.png": "b"}


def below(folder, expected=AB):
    return {f"{folder}/{name}": label for name, label in expected.items()}


def told(opened):
    return "\n".join(opened.notes)


def test_every_folder_is_a_class(tmp_path):
    opened = read(plant(tmp_path, AB))
    assert rows(opened) == {None: AB}
    assert (opened.notes, str(opened.files)) == ([], "4 files found, all read")


@pytest.mark.parametrize("name", ["scans [final]", "a*?{x}", "größe ☃", " two  words ", "x" * 200])
def test_no_name_is_taken_for_a_pattern(tmp_path, name):
    assert rows(read(plant(tmp_path / name, AB))) == {None: AB}
    assert rows(read(plant(tmp_path / "classes", [f"{name}/1.png", "b/1.png"]))) == {
        None: {f"{name}/1.png": name.strip(), "b/1.png": "b"}
    }


@pytest.mark.parametrize("words", [("Training", "Testing"), ("train", "VAL"), ("TRAIN", "dev"), ("train", "Test ")])
def test_whole_names_of_folders_are_splits_in_any_case(tmp_path, words):
    plant(tmp_path, product(words, "ab", [1, 2]))
    names = {"t": "train", "v": "validation", "d": "validation"}
    second = "test" if words[1].lower().startswith("test") else names[words[1][0].lower()]
    assert rows(read(tmp_path)) == {"train": below(words[0]), second: below(words[1])}


def test_splits_may_lie_below_every_class(tmp_path):
    plant(tmp_path, ["a/train/1.png", "b/train/2.png", "a/test/3.png", "b/Testing/4.png", "b/stray.png"])
    opened = read(tmp_path)
    assert rows(opened) == {
        "train": {"a/train/1.png": "a", "b/train/2.png": "b"},
        "test": {"a/test/3.png": "a", "b/Testing/4.png": "b"},
    }
    assert "the folders inside the classes are the splits" in told(opened)
    assert "'Testing', 'test' are one split, test" in told(opened)
    assert left_out(opened) == {"beside the split folders": ["b/stray.png"]}


def test_splits_below_some_classes_only_are_none_and_that_is_told(tmp_path):
    assert list(read(plant(tmp_path / "p", ["a/train/1.png", "a/p1/2.png", "b/train/3.png"])).parts) == [None]
    opened = read(plant(tmp_path / "q", ["a/train/1.png", "a/test/2.png", "b/3.png"]))
    assert rows(opened) == {None: {"a/test/2.png": "a", "a/train/1.png": "a", "b/3.png": "b"}}
    assert "folders 'a/test', 'a/train': not read as splits" in told(opened)


def test_split_words_inside_names_are_none(tmp_path):
    plant(tmp_path, ["test_strips/pcr_test_1.png", "trained/train1.png"])
    assert rows(read(tmp_path)) == {
        None: {"test_strips/pcr_test_1.png": "test_strips", "trained/train1.png": "trained"}
    }


def test_files_that_begin_with_split_words_are_told(tmp_path):
    opened = read(plant(tmp_path, ["a/train_1.png", "b/test_1.png"]))
    assert list(opened.parts) == [None]
    assert "begin with words such as train and test" in told(opened)
    assert "begin with" not in told(read(plant(tmp_path, ["a/other.png"])))


@pytest.mark.parametrize("wrapper", ["scans", "scans/scans", "archive/Data 1"])
@pytest.mark.parametrize("splits", [False, True])
def test_folders_around_everything_are_passed_through(tmp_path, wrapper, splits):
    plant(tmp_path, product([wrapper], *([["train", "test"]] if splits else []), "ab", [1, 2]))
    opened = read(tmp_path)
    expected = {split: below(f"{wrapper}/{split}") for split in ("train", "test")} if splits else {None: below(wrapper)}
    assert rows(opened) == expected
    assert told(opened).count("the images lie in the folder") == wrapper.count("/") + 1


def test_a_folder_inside_every_split_is_passed_through(tmp_path):
    plant(tmp_path, product(["train"], ["train"], "ab", [1]) + product(["test"], ["images"], "ab", [1]))
    assert rows(read(tmp_path)) == {
        "train": {"train/train/a/1.png": "a", "train/train/b/1.png": "b"},
        "test": {"test/images/a/1.png": "a", "test/images/b/1.png": "b"},
    }


def test_patients_below_the_classes_are_a_column(tmp_path):
    plant(tmp_path, [*product("ab", ["p1", "p2"], ["left", "right"], [1, 2]), "a/loose.png"])
    opened = read(tmp_path)
    assert set(rows(opened)[None].values()) == {"a", "b"}
    folders = rows(opened, "subfolder")[None]
    assert folders["b/p2/left/1.png"] == folders["b/p2/right/1.png"] == "p2"  # both eyes of one patient
    assert folders["a/loose.png"] is None
    assert "2 subfolders below the classes are not read as classes, such as 'p1'" in told(opened)
    assert "--group-column subfolder" in told(opened)


def test_images_beside_the_class_folders_are_left_out(tmp_path):
    plant(tmp_path, [*product(["train", "test"], "ab", [1]), "overview.png", "test/extra.png", "old/a/1.png"])
    opened = read(tmp_path)
    assert left_out(opened) == {
        "outside of the split folders": ["old/a/1.png", "overview.png"],
        "in no class folder": ["test/extra.png"],
    }
    assert str(opened.files) == "7 files found = 4 read + 3 left out"


def test_classes_that_a_split_lacks_and_empty_folders_are_told(tmp_path):
    opened = read(plant(tmp_path, ["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/c/1.png", "train/d/"]))
    assert (
        opened.parts["train"].features["label"].names == opened.parts["test"].features["label"].names == ["a", "b", "c"]
    )
    assert "the split train has no image of 'c'" in told(opened)
    assert "the split test has no image of 'b'" in told(opened)
    assert "folders without an image: 'train/d'" in told(opened)


def test_blanks_and_accents_do_not_make_a_class(tmp_path):
    opened = read(plant(tmp_path, ["benign/1.png", "benign /2.png", "caf\u00e9/3.png", "cafe\u0301/4.png"]))
    assert set(rows(opened)[None].values()) == {"benign", "caf\u00e9"}
    assert "the folders 'benign', 'benign ' are one class, 'benign'" in told(opened)


def test_upper_case_is_one_class_in_another_split_and_a_question_in_the_same(tmp_path):
    opened = read(plant(tmp_path / "splits", ["train/mel/1.png", "train/nv/1.png", "test/Mel/2.png", "test/NV/2.png"]))
    assert rows(opened)["test"] == {"test/Mel/2.png": "mel", "test/NV/2.png": "nv"}
    with pytest.raises(InputError, match="class folders 'Mel' and 'mel' side by side: one class or two"):
        read(plant(tmp_path / "one", ["mel/1.png", "Mel/1.png", "nv/1.png"]))


def test_numbers_are_in_alphabetical_order_and_that_is_told(tmp_path):
    opened = read(plant(tmp_path, product([0, 1, 2, 10], [1])))
    assert opened.parts[None].features["label"].names == ["0", "1", "10", "2"]
    assert "alphabetical order, also where they are numbers: '0', '1', '10', '2'" in told(opened)


MISTAKES = {
    "train/1.png test/2.png": "images directly in the splits test, train",
    "benign/1.png benign/2.png": "found 2 images: one folder with images, 'benign'",
    "1.png": "found 1 image: images without a folder of their own",
    "ham_images_part_1/1.png ham_images_part_2/2.png": "found 2 images: images without a folder",
    "a/1.png b/1.png test/1.png": "the folder 'test' beside 'a', 'b', so it is not clear",
    "train_images/1.png test_images/2.png": "folders 'test_images', 'train_images', which look like splits",
    "a/1.txt b/1.txt": r"found 2: no image or table of a known kind \(\.txt\).*one text in each row",
    "a/": "found an empty folder",
    "a /1.png a/1.png": "has one class alone, 'a'",
}


@pytest.mark.parametrize("names", MISTAKES)
def test_what_makes_no_classes_is_told_in_words(tmp_path, names):
    root = plant(tmp_path / "scans", names.replace("a /", "a%/").split())
    if (root / "a%").exists():
        (root / "a%").rename(root / "a ")
    with pytest.raises(InputError, match=f"`data` .*{MISTAKES[names]}"):
        read(root)


def test_a_table_in_the_folder_above_is_offered(tmp_path):
    plant(tmp_path, ["scans/1.png", "labels.csv"])
    with pytest.raises(InputError, match=r"give the table with the labels itself, as table '.*labels\.csv'"):
        read(tmp_path / "scans")


def test_numbered_parts_are_no_classes(tmp_path):
    opened = read(plant(tmp_path, product(["images_part1", "images_part2"], "ab", [1])))
    assert set(rows(opened)[None].values()) == {"a", "b"}
    assert "folders 'images_part1', 'images_part2': parts of one set of images, not classes" in told(opened)


def test_folds_are_no_classes_and_trains_are_no_splits(tmp_path):
    assert set(
        rows(read(plant(tmp_path / "folds", product(["fold_0", "fold_1"], ["all", "hem"], [1]))))[None].values()
    ) == {"all", "hem"}
    trains = read(plant(tmp_path / "trains", product(["bullet train", "steam train"], [1])))
    assert set(rows(trains)[None].values()) == {"bullet train", "steam train"}


def test_a_folder_around_all_patients_is_no_patient(tmp_path):
    plant(tmp_path, product("ab", ["png"], ["p1", "p2"], [1, 2]))
    assert rows(read(tmp_path), "subfolder")[None]["b/png/p2/1.png"] == "png/p2"


@pytest.mark.parametrize("folds", [["fold1", "fold2"], ["cv_0", "cv_1"], ["Split 1", "Split 2"]])
def test_folds_that_hold_splits_are_refused(tmp_path, folds):
    """Joined, an image would be in the training of one and the test of another."""
    plant(tmp_path, product(folds, ["train", "test"], "ab", [1]))
    with pytest.raises(InputError, match="splits of its own, as for cross-validation.*such as '" + folds[0]):
        read(tmp_path)
