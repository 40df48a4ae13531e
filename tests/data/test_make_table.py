"""One table of all splits: every row is read or left out for a reason, and remembers where it came from."""

import pytest
from datasets import ClassLabel, Dataset

from hf_metalr.errors import InputError
from tests.data.making import opened, table_from, table_of


def part(count, kinds=None, names=("x", "y")):
    kinds = [row % 2 for row in range(count)] if kinds is None else kinds
    return Dataset.from_dict({"text": ["a"] * count, "kind": kinds}).cast_column("kind", ClassLabel(names=list(names)))


def left_out(table):
    return {entry.reason: entry.names for entry in table.rows.left_out}


def test_all_splits_are_read_for_training_and_one_for_everything_else():
    parts = {"train": part(3), "test": part(2)}
    table = table_from(parts)
    assert table.origins == [("train", 0), ("train", 1), ("train", 2), ("test", 0), ("test", 1)]
    assert str(table.rows) == "5 rows found, all read"
    one = table_from(parts, several_splits=False)
    assert one.origins == [(None, 0), (None, 1), (None, 2)]
    assert left_out(one) == {"split 'test' is not read": ("row 0 of test", "row 1 of test")}
    assert "split 'train' of train, test (choose another with --split)" in one.notes


def test_a_split_can_be_chosen_by_any_of_its_names():
    parts = {"train": part(3), "validation": part(2)}
    for name in ("validation", "val", "Dev"):
        table = table_from(parts, split=name)
        assert (len(table.dataset), table.rows.found, table.rows.read) == (2, 5, 2)


@pytest.mark.parametrize(
    ("parts", "said", "message"),
    [
        ({"train": 2, "test": 1}, {"split": "tain"}, r"'tain' does not exist in 'data'\. The splits are: train, test"),
        ({None: 2}, {"split": "test"}, r"'test' cannot be chosen: 'data' has no splits"),
        ({"dev": 1, "test": 2}, {}, r"must name one split of 'data'\. The splits are: dev, test"),
        ({None: 0}, {}, r"has no rows: 'data'"),
        ({"train": 1, "test": 0}, {"split": "test"}, r"'test' has no rows"),
    ],
)
def test_a_split_that_is_not_there_is_told_with_those_that_are(parts, said, message):
    with pytest.raises(InputError, match=message):
        table_from({name: part(count) for name, count in parts.items()}, several_splits=False, **said)


def test_data_without_splits_are_the_training_split():
    table = table_from({None: part(2)}, split="train")
    assert "there are no splits: all rows are read" in table.notes


def test_splits_without_labels_or_of_other_use_are_left_out_and_accounted_for():
    table = table_from({"train": part(2), "unsupervised": part(3), "test": part(2, [-1, -1])})
    assert table.origins == [(None, 0), (None, 1)]
    assert {reason: len(names) for reason, names in left_out(table).items()} == {
        "split 'unsupervised' is none to train, validate or test on": 3,
        "split 'test' has no labels": 2,
    }
    assert str(table.rows) == "7 rows found = 2 read + 5 left out"


def test_a_test_table_without_the_column_of_labels_is_left_out(tmp_path):
    from hf_metalr.data.config import DataConfig
    from hf_metalr.data.tables.table import make_table

    files = {"train.csv": "text,label,x\na,0,1\nb,1,1\n", "test.csv": "text,x\nc,2\n"}
    table = make_table(opened(tmp_path, files), DataConfig(("d",)), several_splits=True)
    assert "left out: the splits without labels, test" in table.notes
    assert list(table.dataset["text"]) == ["a", "b"]


def test_columns_that_splits_do_not_share_are_told_and_used_ones_refused():
    first = Dataset.from_dict({"text": ["a"], "label": ["x"], "more": [1]})
    table = table_from({"train": first, "test": first.remove_columns("more")})
    assert "not read, since the splits differ in them: more" in table.notes
    with pytest.raises(InputError, match=r"same columns and classes in all splits, but those of 'data' differ in kind"):
        table_from({"train": part(1), "test": part(1, names=("y", "x"))})


def test_rows_with_neither_input_nor_label_are_left_out_and_told(tmp_path):
    table = table_of(tmp_path, "text,label,age\na,x,1\n,,\nb,y,2\n,,7\n")
    assert table.origins == [(None, 0), (None, 2)]
    assert left_out(table) == {"neither input nor label": ("row 1", "row 3")}


def test_rows_without_one_of_them_are_named_all_at_once_and_skipped_when_asked(tmp_path):
    content = "text,label\na,x\n,y\nb,\n  ,x\nc,y\n"
    with pytest.raises(InputError) as caught:
        table_of(tmp_path, content)
    assert "`input_column` 'text': it is empty in 2 of 5 rows (row 1, row 3). " in str(caught.value)
    assert "`label_column` 'label': no label in 1 of 5 rows (row 2). " in str(caught.value)
    table = table_of(tmp_path, content, skip_damaged=True)
    assert table.origins == [(None, 0), (None, 4)]
    assert str(table.rows) == "5 rows found = 2 read + 3 left out"


@pytest.mark.parametrize("column", [[0, -1], [1, None]])
def test_a_class_that_is_none_is_no_label(column):
    with pytest.raises(InputError, match=r"no label in 1 of 2 rows \(row 1\)"):
        table_from({None: part(2, column)})


def test_rows_of_a_split_are_named_with_it():
    parts = {"train": part(2), "test": part(3, [0, 1, -1])}
    with pytest.raises(InputError, match=r"no label in 1 of 5 rows \(row 2 of test\)"):
        table_from(parts)
    assert table_from(parts, skip_damaged=True).name(3) == "row 1 of test"


def test_nothing_left_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no row with input and label: '.*'\. 1 row found = 0 read \+ 1 left out"):
        table_of(tmp_path, "text,label\na,\n", skip_damaged=True)


HINTED = {
    "patient": ["p1", "p1", "p2", "p3"],
    "StudyUID": ["1.2", "1.2", "1.3", "1.4"],
    "lesion_id": [4, 4, 5, 6],
    "subject": [1, 1, 2, 2],
    "who": ["TCGA-01", "TCGA-01", "TCGA-02", "TCGA-03"],  # by its values
}
NOT_HINTED = {
    "patient": ["p1", "p2", "p3", "p4"],  # a row each
    "site": ["north", "north", "south", "east"],
    "age": [40, 40, 50, 60],
    "day": ["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-03"],
    "lowercase": ["a", "a", "b", "c"],
    "person_weight": [70.5, 70.5, 80.0, 60.0],
}


@pytest.mark.parametrize(("name", "hinted"), [*((n, True) for n in HINTED), *((n, False) for n in NOT_HINTED)])
def test_an_unused_column_that_looks_like_patients_gets_a_word(name, hinted):
    values = (HINTED if hinted else NOT_HINTED)[name]
    dataset = Dataset.from_dict({"text": list("abcd"), "label": [0, 1, 0, 1], name: values})
    word = f"column '{name}' may name patients: keep each on one side with --group-column"
    assert (word in table_from({None: dataset}).notes) is hinted
    assert word not in table_from({None: dataset}, group_column=name).notes
    assert word not in table_from({None: dataset}, several_splits=False).notes


def test_formats_and_transforms_of_a_data_set_are_passed_over():
    dataset = part(3).with_format("torch")
    assert list(table_from({None: dataset}).dataset["kind"]) == [0, 1, 0]
    changed = part(3).with_transform(lambda batch: {"text": ["?"] * len(batch["text"])})
    assert list(table_from({None: changed}).dataset["text"]) == ["a", "a", "a"]
