"""Which task a table looks like, and which question is asked where it could be two."""

import pytest
from datasets import ClassLabel, Dataset, Features, Image, List, Value

from hf_metalr.data.labels.guess import guess_task
from hf_metalr.data.labels.tasks import Task
from hf_metalr.data.ledger import Ledger
from hf_metalr.data.tables.table import Table
from hf_metalr.errors import InputError
from tests.data.making import labels

GUESSES = {
    "words": (["x", "y"], "classification"),
    "whole numbers": ([0, 1], "classification"),
    "truths": ([True, False], "classification"),
    "whole numbers with a fraction": ([0.0, 1.0], "classification"),
    "numbers": ([0.5, 1.0], "regression"),
    "many whole numbers with a fraction": ([float(age) for age in range(18, 80)], "regression"),
    "lists": ([["x"], []], "multi-label"),
    "rows of 0 and 1": ([[0, 1], [1, 1]], "multi-label"),
    "one number in a list": ([[1], [0]], "classification"),
    "one fraction in a list": ([[1.5], [0.0]], "regression"),
    "bars": (["mass|node", "mass"], "multi-label"),
    "a comma within a name": (["Melanoma, malignant", "Nevus"], "classification"),
    "a semicolon within a name": (["a; b", "c"], "classification"),
}


@pytest.mark.parametrize("case", GUESSES)
def test_types_and_values_speak_for_a_task(case):
    values, name = GUESSES[case]
    task, reason = guess_task(labels(label=values))
    assert task == Task(name, "text")
    assert reason.startswith("column 'label' h")


def test_masks_several_columns_and_classes_speak_for_their_tasks():
    dataset = Dataset.from_dict({"image": [None], "mask": [None]}).cast_column("image", Image())
    table = Table(dataset.cast_column("mask", Image()), [(None, 0)], ["image"], ["mask"], None, Ledger("row", 1), [])
    assert guess_task(table)[0] == Task("segmentation", "image")
    assert guess_task(labels(a=[0], b=[1])) == (Task("multi-label", "text"), "2 label columns")


def test_a_list_of_class_labels_is_several_labels_and_one_alone_a_class():
    feature = Features({"text": Value("string"), "label": List(ClassLabel(names=["x", "y"]))})
    for values, name in (([[0], [1, 0]], "multi-label"), ([[0], [1]], "classification")):
        dataset = Dataset.from_dict({"text": ["a", "b"], "label": values}, feature)
        table = Table(dataset, [(None, 0), (None, 1)], ["text"], ["label"], None, Ledger("row", 2), [])
        assert guess_task(table)[0].name == name


@pytest.mark.parametrize("mark", [",", ";", ", "])
def test_marks_between_labels_get_a_question_with_both_answers(mark):
    # catches: combinations of labels that become classes of their own
    with pytest.raises(InputError) as caught:
        guess_task(labels(finding=["mass", f"mass{mark}node", "node"]))
    message = str(caught.value)
    assert f"'finding' has text with '{mark.strip()}' in row 1, 'mass{mark}node'." in message
    assert "Are these the labels 'mass' and 'node'? Then choose `task` multi-label (2 labels)" in message
    assert "Then choose `task` classification (3 classes)." in message


def test_names_that_share_a_part_get_the_question_too():
    with pytest.raises(InputError, match="'Carcinoma, NOS'"):
        guess_task(labels(finding=["Carcinoma, NOS", "Melanoma, NOS"]))


def test_numbers_with_a_comma_are_neither():
    with pytest.raises(InputError, match=r"numbers with a comma such as '3,5'\. Write a point, '3\.5'"):
        guess_task(labels(age=["3,5", "4,25", "7"]))


@pytest.mark.parametrize(
    ("name", "modality", "message"),
    [("segmentation", "text", "needs images"), ("detection", "image", "must be one of")],
)
def test_what_is_no_task_is_refused(name, modality, message):
    with pytest.raises(InputError, match=message) as caught:
        Task(name, modality)
    assert caught.value.parameter == "task"
