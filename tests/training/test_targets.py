"""Labels in each form that tables hold them, and what is none."""

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Image, List, Value
from PIL import Image as Picture

from hf_metalr.training.masks import class_map, mask_array
from hf_metalr.training.targets import Targets, read_targets
from hf_metalr.training.tasks import Task, guess_task


def table(**columns):
    return Dataset.from_dict({"text": ["a"] * len(next(iter(columns.values()))), **columns})


def read(task, dataset, *columns):
    return read_targets(dataset, Task(task, "image" if task == "segmentation" else "text"), columns)


def test_class_numbers_with_gaps_become_consecutive_and_keep_their_names():
    targets = read("classification", table(grade=[7, 3, 7]), "grade")
    assert (targets.values, targets.names, targets.strata) == ([1, 0, 1], ["3", "7"], [1, 0, 1])


def test_class_labels_keep_their_order_also_where_a_class_does_not_occur():
    feature = Features({"text": Value("string"), "kind": ClassLabel(names=["b", "a", "c"])})
    targets = read("classification", Dataset.from_dict({"text": ["x", "y"], "kind": [1, 0]}, feature), "kind")
    assert (targets.values, targets.names) == ([1, 0], ["b", "a", "c"])


def test_each_form_of_several_labels_gives_the_same_rows():
    expected = [[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]
    lists = Features({"text": Value("string"), "seen": List(ClassLabel(names=["mass", "node"]))})
    forms = [
        read("multi-label", table(mass=[1, 1, 0], node=[False, True, False]), "mass", "node"),
        read("multi-label", table(seen=[["mass"], ["node", "mass"], []]), "seen"),
        read("multi-label", table(seen=["mass", "mass| node", ""]), "seen"),
        read("multi-label", Dataset.from_dict({"text": ["a"] * 3, "seen": [[0], [1, 0], []]}, lists), "seen"),
    ]
    for targets in forms:
        assert (targets.values, targets.names) == (expected, ["mass", "node"])
        assert targets.strata == [0, 1, -1]  # the rarest label of each row


def test_numbers_stay_numbers_and_are_spread_by_fifths():
    targets = read("regression", table(age=[50, 10, 40, 20, 30]), "age")
    assert (targets.values, targets.strata) == ([50.0, 10.0, 40.0, 20.0, 30.0], [4, 0, 3, 1, 2])


def masks(*arrays):
    pictures = [Picture.fromarray(np.array(array, dtype=np.uint8)) for array in arrays]
    return Dataset.from_dict({"image": pictures, "mask": pictures}).cast_column("mask", Image())


def test_binary_masks_of_0_and_255_have_two_classes():
    targets = read("segmentation", masks([[0, 255]], [[0, 0]]), "mask")
    assert (targets.names, targets.mask_values) == (["0", "255"], {0: 0, 255: 1})
    assert (targets.pixels, targets.strata) == ([[1, 1], [2, 0]], [(0, 1), (0,)])


def test_beside_other_classes_255_does_not_count():
    targets = read("segmentation", masks([[0, 4, 255]]), "mask")
    assert targets.mask_values == {0: 0, 4: 1}
    picture = Picture.fromarray(np.array([[0, 4, 255]], dtype=np.uint8))
    assert class_map(picture, targets.mask_values, "row 0").tolist() == [[0, 1, 255]]


def test_a_grey_mask_saved_in_colour_is_read_and_a_coloured_one_refused():
    grey = Picture.new("RGB", (2, 2), (3, 3, 3))
    assert mask_array(grey, "row 0").tolist() == [[3, 3], [3, 3]]
    with pytest.raises(ValueError, match="row 5 is a colour image"):
        mask_array(Picture.new("RGB", (2, 2), (3, 0, 0)), "row 5")


def test_what_no_training_row_has_is_named():
    assert read("classification", table(kind=["x", "y", "z"]), "kind").unseen([0, 2]) == ["y"]
    several = read("multi-label", table(mass=[1, 0, 1], node=[0, 1, 1]), "mass", "node")
    assert (several.unseen([0]), several.unseen([2])) == (["node"], [])
    assert read("segmentation", masks([[0, 9]], [[0, 0]]), "mask").unseen([1]) == ["9"]
    assert read("regression", table(age=[1.0, 2.0]), "age").unseen([0]) == []


GUESSES = {
    "classification": {"label": ["x", "y"]},
    "regression": {"label": [0.5, 1.0]},
    "multi-label": {"label": [["x"], []]},
}


@pytest.mark.parametrize("task", GUESSES)
def test_the_type_of_the_labels_speaks_for_a_task(task):
    guessed, reason = guess_task(table(**GUESSES[task]).features, "text", ["label"])
    assert guessed == Task(task, "text")
    assert "'label'" in reason


def test_masks_and_several_columns_speak_for_their_tasks():
    features = masks([[0, 1]]).cast_column("image", Image()).features
    assert guess_task(features, "image", ["mask"])[0] == Task("segmentation", "image")
    assert guess_task(table(a=[0], b=[1]).features, "text", ["a", "b"])[0] == Task("multi-label", "text")


REFUSED = {
    "one class": ("classification", {"label": [1, 1]}, r"2 to 1000 classes, found 1"),
    "fractions": ("classification", {"label": [0.5, 1.0]}, r"Choose the task regression"),
    "a missing number": ("regression", {"label": [1.0, None]}, r"1 of 2 rows without one \(the first is row 1\)"),
    "infinite": ("regression", {"label": [1.0, float("inf")]}, r"found inf in row 1"),
    "words as numbers": ("regression", {"label": ["x", "y"]}, r"must hold numbers for a regression"),
    "neither 0 nor 1": ("multi-label", {"label": [0, 1], "b": [1, 2]}, r"0 or 1 in every row.*found 2 in row 1"),
    "no lists": ("multi-label", {"label": [1, 0]}, r"must hold lists.*found int"),
    "several columns": ("regression", {"label": [1.0], "b": [1.0]}, r"takes one label column, found label, b"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_label_of_the_task_is_refused(case):
    task, columns, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        read(task, table(**columns), *columns)


def test_masks_of_one_value_are_refused():
    with pytest.raises(ValueError, match="2 to 255 different values, one per class, found 1: 0"):
        read("segmentation", masks([[0, 0]]), "mask")


def test_a_missing_number_is_told_once():
    dataset = Dataset.from_dict({"y": [1.5, None]})
    with pytest.raises(ValueError, match=r"^Column 'y' must have a value in every row, found 1 of 2") as caught:
        read_targets(dataset, Task("regression", "image"), ["y"])
    assert str(caught.value).endswith("Remove them.")


def test_an_empty_cell_of_a_table_of_labels_has_a_way_out():
    dataset = Dataset.from_dict({"y": ["effusion|mass", None]})
    with pytest.raises(ValueError, match=r"no value in row 1.*in a table a word of its own such as 'no finding'"):
        read_targets(dataset, Task("multi-label", "image"), ["y"])


@pytest.mark.parametrize(
    ("values", "far"),
    [([0.5, -1.0], False), ([40.0, 95.0], True), ([50.0, 50.5], True), ([0.0, 1e-3], True), ([-30.0, 30.0], True)],
)
def test_numbers_far_from_where_an_output_starts_are_recognised(values, far):
    assert Targets(values, ["y"], []).far_from_unit_spread([0, 1]) is far
    assert not Targets([0, 90], ["a", "b"], []).far_from_unit_spread([0, 1])  # class numbers have no spread


@pytest.mark.parametrize(("cell", "kind"), [([1, 2], "list"), (Picture.new("L", (4, 4)), "Image")])
def test_lists_and_masks_are_no_classes(cell, kind):
    dataset = Dataset.from_dict({"y": [cell, cell]})
    with pytest.raises(ValueError, match=rf"one class per row.*found \w*{kind}\w*\. Lists call for"):
        read_targets(dataset, Task("classification", "image"), ["y"])


def test_what_is_no_mask_and_what_is_a_damaged_one_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"Column 'label' must hold images, the masks, .* found Value"):
        read("segmentation", Dataset.from_dict({"label": [0, 1]}), "label")
    path = tmp_path / "cut.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 50)
    cut = Dataset.from_dict({"mask": [str(path)]}).cast_column("mask", Image())
    with pytest.raises(ValueError, match=r"mask that cannot be read, in row 0 \('.*cut\.png'\)"):
        read("segmentation", cut, "mask")
