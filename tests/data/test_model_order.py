"""Labels as a model numbers them: by name where both have names."""

import pytest

from hf_metalr.data.labels.targets import Targets, in_model_order
from hf_metalr.errors import InputError

WORDS = Targets([0, 1, 1], ["cat", "dog"], [])


def unnamed(count):
    return {number: f"LABEL_{number}" for number in range(count)}


def test_names_decide():
    assert in_model_order(WORDS, {0: "dog", 1: "cat", 2: "cow"}) == [1, 0, 0]
    assert in_model_order(WORDS, unnamed(2)) == [0, 1, 1]


def test_numbers_are_names_or_numbers():
    grades = Targets([1, 0], ["1", "2"], [])
    assert in_model_order(grades, {0: "1", 1: "2"}) == [1, 0]  # a model that was trained on these data
    assert in_model_order(grades, unnamed(3)) == [2, 1]
    assert in_model_order(grades, {0: "none", 1: "mild", 2: "severe"}) == [2, 1]


def test_classes_that_do_not_occur_need_no_place():
    assert in_model_order(Targets([0, 0], ["cat", "cow"], []), {0: "dog", 1: "cat"}) == [1, 1]


def test_several_labels_take_the_places_of_the_model():
    targets = Targets([[1.0, 0.0], [1.0, 1.0]], ["mass", "node"], [])
    assert in_model_order(targets, {0: "node", 1: "air", 2: "mass"}) == [[0.0, 0.0, 1.0], [1.0, 0.0, 1.0]]
    assert in_model_order(targets, unnamed(2)) == targets.values


def test_numbers_to_predict_stay():
    assert in_model_order(Targets([0.5, 2.0], ["age"], []), {0: "LABEL_0"}) == [0.5, 2.0]


@pytest.mark.parametrize(
    ("targets", "id2label", "message"),
    [
        (WORDS, {0: "cat", 1: "cow"}, r"does not know: dog\. It has 2: cat, cow\."),
        (WORDS, unnamed(1), r"does not know: cat, dog\. It has 1: LABEL_0"),
        (Targets([0, 1], ["1", "7"], []), unnamed(3), r"does not know: 1, 7"),
        (Targets([0, 1], ["-1", "1"], []), unnamed(2), r"does not know: -1, 1"),
        (Targets([[1.0, 1.0]], ["a", "b"], []), {0: "a", 1: "x"}, r"does not know: b\."),
    ],
)
def test_what_the_model_does_not_know_is_named(targets, id2label, message):
    with pytest.raises(InputError, match=message):
        in_model_order(targets, id2label)
