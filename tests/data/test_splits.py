"""Splits partition the rows, keep groups together, spread classes evenly, and come again from their seed."""

from collections import Counter

import numpy as np
import pytest
from datasets import Dataset

from hf_metalr.data.splits.given_splits import given_splits
from hf_metalr.data.splits.shared_images import refuse_shared_images
from hf_metalr.data.splits.splits import groups_on_two_sides, make_splits, quantile_strata, split_rows
from hf_metalr.errors import InputError
from tests.data.making import table_from, table_of
from tests.data.trees import plant

STRATA = [0] * 80 + [1] * 20
# 40 patients of 1 to 4 images each; a patient is sick or well as a whole
PATIENTS = [patient for patient in range(40) for _ in range(1 + patient % 4)]
SICK = [int(patient % 5 == 0) for patient in PATIENTS]


def all_rows(splits):
    return sorted(row for rows in splits.values() for row in rows)


def test_the_splits_partition_the_rows_and_keep_the_shares_of_the_classes():
    splits = make_splits([None] * 100, STRATA, validation=0.2, test=0.1, split_seed=0)
    assert list(splits) == ["train", "validation", "test"]
    assert all_rows(splits) == list(range(100))
    assert {name: Counter(STRATA[row] for row in rows) for name, rows in splits.items()} == {
        "train": {0: 56, 1: 14},
        "validation": {0: 16, 1: 4},
        "test": {0: 8, 1: 2},
    }


def test_no_group_is_on_two_sides_and_the_shares_hold_as_far_as_groups_allow():
    splits = make_splits([None] * 100, SICK, validation=0.2, test=0.2, split_seed=0, groups=PATIENTS)
    assert all_rows(splits) == list(range(100))
    assert groups_on_two_sides(splits, PATIENTS) == []
    for name, share in {"train": 0.6, "validation": 0.2, "test": 0.2}.items():
        rows = splits[name]
        assert len(rows) == pytest.approx(100 * share, abs=6)
        assert np.mean([SICK[row] for row in rows]) == pytest.approx(np.mean(SICK), abs=0.1)


@pytest.mark.parametrize("groups", [None, PATIENTS], ids=["rows", "groups"])
def test_the_seed_decides(groups):
    first, again, other = (make_splits([None] * 100, SICK, 0.2, 0.0, seed, groups) for seed in (0, 0, 1))
    assert first == again != other


def test_splits_of_the_data_are_kept_and_only_missing_ones_are_drawn():
    given = ["test"] * 30 + ["train"] * 70
    splits = make_splits(given, STRATA, validation=0.2, test=0.5, split_seed=0)
    assert splits["test"] == list(range(30))
    assert len(splits["validation"]) == 14  # a fifth of the rows that are divided
    assert make_splits(given, STRATA, validation=0, test=0, split_seed=0)["train"] == list(range(30, 100))


def test_classes_too_rare_to_be_on_both_sides_do_not_stop_a_split():
    for strata in ([0] * 9 + [1], list(range(10)), [0] * 8 + [1, 2]):
        rest, part = split_rows(range(10), strata, 0.3, split_seed=0)
        assert (len(rest), len(part), sorted(rest + part)) == (7, 3, list(range(10)))


def test_a_huge_group_does_not_empty_a_side():
    groups = ["huge"] * 90 + list(range(10))
    rest, part = split_rows(range(100), [0] * 100, 0.2, split_seed=0, groups=groups)
    assert rest
    assert part
    assert not groups_on_two_sides({"rest": rest, "part": part}, groups)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"given": ["test"] * 4, "strata": [0] * 4}, "a split to train on, found only test"),
        ({"given": [None] * 4, "strata": [0] * 4, "test": 0.9}, "together below 1"),
        ({"given": [None] * 2, "strata": [0] * 2, "validation": 0.1}, "leaves one side of a split empty"),
        ({"given": [None] * 4, "strata": [0] * 4, "groups": ["a"] * 4}, "at least two of them, found 1"),
    ],
)
def test_what_cannot_be_split_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        make_splits(**({"validation": 0.2, "test": 0.0, "split_seed": 0} | arguments))


def test_the_splits_stay_unless_their_own_seed_changes():
    assert make_splits([None] * 100, STRATA, 0.2, 0.1) == make_splits([None] * 100, STRATA, 0.2, 0.1, split_seed=0)


def test_numbers_are_spread_by_fifths():
    assert quantile_strata([5.0, 1.0, 2.0, 3.0, 4.0]) == [4, 0, 1, 2, 3]


def labelled(**columns):
    return table_from({None: Dataset.from_dict({"text": ["a"] * 3, "label": [0, 1, 0], **columns})})


def test_splits_come_from_the_data_or_from_a_column():
    part = Dataset.from_dict({"text": ["a"], "label": ["x"]})
    table = table_from({"Training": part, "val": part})
    assert given_splits(table) == ["train", "validation"]
    assert given_splits(labelled()) == [None] * 3
    assert given_splits(labelled(fold=["train", "Dev", "TEST "]), "fold") == ["train", "validation", "test"]
    assert given_splits(labelled(fold=["train"] * 3), "fold") == [None] * 3  # all of it is to be divided


@pytest.mark.parametrize(
    ("fold", "message"),
    [
        ([1, 2, 2], r"`split_column` 'fold' must call .* found 1 in 1 rows \(row 0\), 2 in 2 rows \(row 1\)"),
        (["train", None, "test"], r"found nothing in 1 rows \(row 1\)"),
        (["train", "pretrain", "test"], r"found 'pretrain' in 1 rows \(row 1\)"),
    ],
)
def test_other_names_of_splits_are_told_with_their_rows(fold, message):
    with pytest.raises(InputError, match=message):
        given_splits(labelled(fold=fold), "fold")


def test_no_image_is_on_two_sides(tmp_path):
    """A table may have several rows for one image; divided by chance, it would be tested on what it was trained on."""
    plant(tmp_path, ["1.png", "2.png", "3.png"])
    content = "file_name,label\n1.png,a\n2.png,b\n3.png,a\n1.png,b\n"
    table = table_of(tmp_path, content)
    refuse_shared_images(table, {"train": [0, 3], "test": [1, 2]})
    with pytest.raises(InputError, match=r"found 1, such as '1\.png' in row 0 for train and in row 3 for test"):
        refuse_shared_images(table, {"train": [0, 1], "test": [2, 3]})
    with pytest.raises(InputError, match=r"in row 0 for validation and in row 3 for test"):
        refuse_shared_images(table, {"train": [1], "validation": [0], "test": [2, 3]})
