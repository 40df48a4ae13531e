"""Labels in each form that tables hold them, and what is none: one reading for every command."""

import logging

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Image, List, Value
from PIL import Image as Picture

from hf_metalr.data.images.masks import read_masks
from hf_metalr.data.labels.read_targets import read_targets
from hf_metalr.data.labels.targets import Targets, as_tensor
from hf_metalr.data.labels.tasks import Task
from hf_metalr.data.ledger import Ledger
from hf_metalr.data.tables.table import Table
from hf_metalr.errors import InputError
from tests.data.making import labels


def read(task, table):
    return read_targets(table, Task(task, "image" if task == "segmentation" else "text"), read_masks)


def of(dataset, *columns):
    origins = [(None, row) for row in range(len(dataset))]
    return Table(dataset, origins, [dataset.column_names[0]], list(columns), None, Ledger("row", len(dataset)), [])


CLASSES = {
    "words": (["b", "a", "b"], ["a", "b"], [1, 0, 1]),
    "numbers with gaps": ([7, 3, 7], ["3", "7"], [1, 0, 1]),
    "numbers by size": ([10, 9, 10], ["9", "10"], [1, 0, 1]),
    "numbers written as words": (["10", "9", "10"], ["9", "10"], [1, 0, 1]),
    "whole numbers with a fraction": ([1.0, 0.0, 1.0], ["0", "1"], [1, 0, 1]),
    "truths": ([True, False, True], ["False", "True"], [1, 0, 1]),
    "each in a list, as MedMNIST": ([[1], [0], [1]], ["0", "1"], [1, 0, 1]),
    "blanks around": (["b ", "a", " b"], ["a", "b"], [1, 0, 1]),
    "accents in two forms": (["e\u0301", "a", "\u00e9"], ["a", "\u00e9"], [1, 0, 1]),
    "below zero": ([1, -1, 1], ["-1", "1"], [1, 0, 1]),
}


@pytest.mark.parametrize("case", CLASSES)
def test_classes_are_numbered_alphabetically_and_numbers_by_size(case):
    values, names, expected = CLASSES[case]
    targets = read("classification", labels(label=values))
    assert (targets.values, targets.names, targets.strata) == (expected, names, expected)


def test_what_was_taken_for_the_same_is_told():
    assert "without the blanks around them: 'b ' is 'b'" in read("classification", labels(y=["b ", "a", "b"])).notes[0]
    assert (
        read("classification", labels(y=[0.0, 1.0])).notes[0] == "classes of 'y': whole numbers written with a fraction"
    )


def test_words_that_differ_in_capitals_are_two_classes_and_warned_of(caplog):
    with caplog.at_level(logging.WARNING):
        assert read("classification", labels(y=["Nevus", "nevus", "x"])).names == ["Nevus", "nevus", "x"]
    assert "'y' has Nevus and nevus as different classes" in caplog.text


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        (list(range(18, 88)) * 20, True),  # ages
        (list(range(30)) * 2, True),  # numbered from 0, but two rows each
        (list(range(100)) * 10, False),  # classes of an image benchmark
        (list(range(1, 21)), False),
        (list(range(18, 38)), True),  # few, but ages
        ([2, 3, 4, 5], False),  # grades
    ],
)
def test_numbers_that_become_many_classes_are_warned_of(caplog, values, warned):
    with caplog.at_level(logging.WARNING):
        read("classification", labels(age=values))
    assert ("If these are numbers to predict, choose the task regression" in caplog.text) is warned


def test_class_labels_keep_their_order_also_where_a_class_does_not_occur():
    feature = Features({"text": Value("string"), "kind": ClassLabel(names=["b", "a", "c"])})
    targets = read("classification", of(Dataset.from_dict({"text": ["x", "y"], "kind": [1, 0]}, feature), "kind"))
    assert (targets.values, targets.names) == ([1, 0], ["b", "a", "c"])


def test_each_form_of_several_labels_gives_the_same_rows():
    expected = [[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]
    lists = Features({"text": Value("string"), "seen": List(ClassLabel(names=["mass", "node"]))})
    forms = [
        labels(mass=[1, 1, 0], node=[False, True, False]),
        labels(seen=[["mass"], ["node", "mass"], []]),
        labels(seen=[["mass "], ["node", "mass"], []]),
        labels(seen=["mass", "mass| node", ""]),
        labels(seen=["mass", "mass; node", ""]),
        labels(seen=["mass", "mass,node", ""]),
        of(Dataset.from_dict({"text": ["a"] * 3, "seen": [[0], [1, 0], []]}, lists), "seen"),
    ]
    for form in forms:
        targets = read("multi-label", form)
        assert (targets.values, targets.names) == (expected, ["mass", "node"])
        assert targets.strata == [0, 1, -1]  # the rarest label of each row
    targets = read("multi-label", labels(seen=[[1, 0], [1, 1], [0, 0]]))  # rows of 0 and 1
    assert (targets.values, targets.names) == (expected, ["0", "1"])


def test_a_bar_separates_before_other_marks():
    assert read("multi-label", labels(seen=["a, b|c", "c"])).names == ["a, b", "c"]


def test_numbers_stay_numbers_and_are_spread_by_fifths():
    targets = read("regression", labels(age=[50, 10, 40, 20, 30]))
    assert (targets.values, targets.strata) == ([50.0, 10.0, 40.0, 20.0, 30.0], [4, 0, 3, 1, 2])


def masks(*arrays):
    pictures = [Picture.fromarray(np.array(array, dtype=np.uint8)) for array in arrays]
    return of(Dataset.from_dict({"image": pictures, "mask": pictures}).cast_column("mask", Image()), "mask")


def test_masks_are_read_by_their_own_reader():
    targets = read("segmentation", masks([[0, 255]], [[0, 0]]))
    assert (targets.names, targets.mask_values) == (["0", "255"], {0: 0, 255: 1})
    assert (targets.pixels, targets.strata) == ([[1, 1], [2, 0]], [(0, 1), (0,)])


def test_what_no_training_row_has_is_named_and_classes_are_counted():
    kinds = read("classification", labels(kind=["x", "y", "z", "z"]))
    assert kinds.unseen([0, 2]) == ["y"]
    assert kinds.counts([0, 2, 3]) == {"x": 1, "y": 0, "z": 2}
    several = read("multi-label", labels(mass=[1, 0, 1], node=[0, 1, 1]))
    assert (several.unseen([0]), several.unseen([2])) == (["node"], [])
    assert read("segmentation", masks([[0, 9]], [[0, 0]])).unseen([1]) == ["9"]
    assert read("regression", labels(age=[1.0, 2.0])).unseen([0]) == []
    assert read("regression", labels(age=[1.0, 2.0])).counts([0]) == {}


def test_targets_as_tensors():
    import torch

    assert as_tensor(read("classification", labels(y=["a", "b"]))).equal(torch.tensor([0, 1]))
    numbers = as_tensor(read("regression", labels(y=[0.5, 2])))
    assert numbers.equal(torch.tensor([0.5, 2.0]))
    assert numbers.dtype == torch.float32
    assert as_tensor(read("multi-label", labels(y=["a", "a|b"]))).equal(torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
    with pytest.raises(InputError, match="no single target per sample"):
        as_tensor(read("segmentation", masks([[0, 9]])))


REFUSED = {
    "one class": ("classification", {"y": [1, 1]}, r"2 to 1000 classes, found 1: 1\. "),
    "one class of two spellings": ("classification", {"y": ["a", "a "]}, r"2 to 1000 classes, found 1: a\. "),
    "fractions": ("classification", {"y": [0.5, 1.0]}, r"Choose `task` regression"),
    "not sure": ("classification", {"y": [0, 1, -1]}, r"holds -1 beside other classes, first in row 2"),
    "lists": ("classification", {"y": [[1, 2], [0]]}, r"one class per row.*found list\. Lists call for"),
    "a missing number": ("regression", {"y": [1.0, None]}, r"1 of 2 rows without one \(the first is row 1\)"),
    "no number": ("regression", {"y": [1.0, float("nan")]}, r"1 of 2 rows without one"),
    "infinite": ("regression", {"y": [1.0, float("inf")]}, r"found inf in row 1"),
    "words as numbers": ("regression", {"y": ["1", "<5"]}, r"must hold numbers for a regression, found '<5' in row 1"),
    "a decimal comma": ("regression", {"y": ["1", "3,5"]}, r"found '3,5' in row 1\. Write decimals with a point"),
    "the same": ("regression", {"y": [2.0, 2.0]}, r"different numbers for a regression, found only 2"),
    "neither 0 nor 1": ("multi-label", {"y": [0, 1], "b": [1, 2]}, r"'b' must hold 0 or 1.*found 2 in row 1"),
    "a gap": ("multi-label", {"y": [0, 1], "b": [1, None]}, r"'b' must have a value in every row"),
    "no lists": ("multi-label", {"y": [1, 0]}, r"must hold lists.*found int"),
    "fractions in lists": ("multi-label", {"y": [[0.5], []]}, r"lists of words or whole numbers.*found 0\.5 in row 0"),
    "an empty cell": (
        "multi-label",
        {"y": ["a|b", None]},
        r"no value in row 1.*a word of its own such as 'no finding'",
    ),
    "no label at all": ("multi-label", {"y": [[], []]}, r"1 to 1000 different labels, found 0"),
    "several columns": ("regression", {"y": [1.0], "b": [1.0]}, r"name one column .*found y, b"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_label_of_the_task_is_refused(case):
    task, columns, message = REFUSED[case]
    with pytest.raises(InputError, match=message) as caught:
        read(task, labels(**columns))
    assert caught.value.parameter == "label_column"


def test_rows_are_named_as_in_the_data_and_not_as_in_what_is_left_of_them():
    table = labels(y=[1.0, float("inf")])
    shifted = Table(table.dataset, [("test", 7), ("test", 9)], ["text"], ["y"], None, table.rows, [])
    with pytest.raises(InputError, match="found inf in row 9 of test"):
        read("regression", shifted)


@pytest.mark.parametrize(
    ("values", "far"),
    [([0.5, -1.0], False), ([40.0, 95.0], True), ([50.0, 50.5], True), ([0.0, 1e-3], True), ([-30.0, 30.0], True)],
)
def test_numbers_far_from_where_an_output_starts_are_recognised(values, far):
    assert Targets(values, ["y"], []).far_from_unit_spread([0, 1]) is far
    assert not Targets([0, 90], ["a", "b"], []).far_from_unit_spread([0, 1])  # class numbers have no spread
