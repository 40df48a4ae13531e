"""Which columns are read: by type and name, told; and what is said when they cannot be told apart."""

import pytest
from datasets import ClassLabel, Dataset, Image

from hf_metalr.data.config import DataConfig
from hf_metalr.data.tables.columns import find_columns
from hf_metalr.errors import InputError
from tests.data.making import table_of


def texts(*columns):
    """A table of these columns of texts and one of labels."""
    rows = (f"{','.join('ab' for _ in columns)},{number}\n" for number in (0, 1))
    return f"{','.join(columns)},label\n" + "".join(rows)


@pytest.mark.parametrize(
    ("columns", "chosen", "told"),
    [
        (["premise", "hypothesis"], ["premise", "hypothesis"], "input: pairs of the columns premise and hypothesis"),
        (["sentence", "question", "id"], ["question", "sentence"], "question and sentence (not read: id; choose with"),
        (["title", "text"], ["text"], "input: column 'text' (not read: title; choose with --input-column)"),
        (["Title", "TEXT"], ["TEXT"], "input: column 'TEXT' (not read: Title; choose with --input-column)"),
        (["text", "question", "answer"], ["text"], "(not read: question, answer; choose"),  # of what is the pair?
        (["note"], ["note"], "input: column 'note'"),
    ],
)
def test_which_texts_are_read_is_told(tmp_path, columns, chosen, told):
    table = table_of(tmp_path, texts(*columns))
    assert table.input_columns == chosen
    assert told in table.notes[0]


@pytest.mark.parametrize("columns", [["body", "reply"], ["question", "passage", "answer"]])
def test_texts_that_could_be_one_or_a_pair_are_asked_for(tmp_path, columns):
    with pytest.raises(InputError, match=r"several columns could be: .*Name two columns of texts for pairs\."):
        table_of(tmp_path, texts(*columns))
    wanted = tuple(columns[1::-1])
    assert table_of(tmp_path, texts(*columns), input_column=wanted).input_columns == list(wanted)


def test_every_wrong_column_is_told_at_once(tmp_path):
    # catches: one mistake per start
    with pytest.raises(InputError) as caught:
        table_of(
            tmp_path,
            texts("text", "patient"),
            input_column=("txt",),
            label_column=("lable",),
            group_column="pation",
            split_column="fold",
        )
    message = str(caught.value)
    for parameter, name, near in (
        ("input_column", "txt", "text"),
        ("label_column", "lable", "label"),
        ("group_column", "pation", "patient"),
        ("split_column", "fold", "text"),
    ):
        assert f"`{parameter}` '{name}' does not exist. The columns are: {near}" in message
    assert "--input-column 'txt'" in caught.value.spelt(lambda name: "--" + name.replace("_", "-"))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"input_column": ("a", "a")}, r"two different columns of texts for pairs, found a \(text\), a \(text\)"),
        ({"input_column": ("a", "b", "c")}, r"takes one column, or two different columns"),
        ({"input_column": ("a", "number")}, r"found a \(text\), number \(int64\)"),
        ({"input_column": ("a", "label")}, r"'label' holds the labels, groups or splits already"),
        ({"input_column": ("b",), "group_column": "b"}, r"'b' holds the labels, groups or splits already"),
        (
            {"input_column": ("number",)},
            r"of images, one image in a row, of file names or of texts, found number \(int",
        ),
        ({"label_column": ("number", "number")}, r"must name different columns, found number, number"),
        ({"label_column": ("a",)}, r"`input_column` must name.*several columns could be: b, c, label"),
    ],
)
def test_what_makes_no_choice_is_refused(tmp_path, said, message):
    with pytest.raises(InputError, match=message):
        table_of(tmp_path, '{"a": "x", "b": "y", "c": "z", "number": 1, "label": "k"}\n', "t.jsonl", **said)


def test_without_a_usual_name_the_label_must_be_named(tmp_path):
    with pytest.raises(InputError, match=r"label_column` must name.*no column is marked.*text \(text\), kind \(text\)"):
        table_of(tmp_path, "text,kind\na,b\n")


def test_a_class_column_is_the_label_whatever_its_name():
    dataset = Dataset.from_dict({"text": ["a"], "kind": [0], "label": [1]}).cast_column("kind", ClassLabel(2))
    assert find_columns(dataset.features, DataConfig(("x",))).labels == ["kind"]


def test_masks_are_the_labels_of_images_without_classes():
    dataset = Dataset.from_dict({"image": [None], "Mask": [None]}).cast_column("image", Image())
    columns = find_columns(dataset.cast_column("Mask", Image()).features, DataConfig(("x",)))
    assert (columns.inputs, columns.labels) == (["image"], ["Mask"])


def test_images_alone_have_no_labels():
    features = Dataset.from_dict({"image": [None]}).cast_column("image", Image()).features
    with pytest.raises(InputError, match=r"images alone: image \(Image\).*a sub-folder, at least two"):
        find_columns(features, DataConfig(("x",)))


def test_images_come_before_names_of_files():
    features = Dataset.from_dict({"picture": [None], "name": ["0.png"], "label": [0]}).cast_column("picture", Image())
    assert find_columns(features.features, DataConfig(("x",)), files=["name"]).inputs == ["picture"]


def test_a_column_of_splits_that_is_not_named_is_told(tmp_path):
    content = "text,label,set\na,0,train\nb,1,Testing\n"
    hint = "warning: column 'set' names splits, and is not used: divide by it with --split-column set"
    assert hint in table_of(tmp_path, content).notes
    assert hint not in table_of(tmp_path, content, split_column="set").notes
    assert hint not in table_of(tmp_path, content, label_column=("set",)).notes


def test_the_column_without_a_label_is_the_one_that_is_named(tmp_path):
    with pytest.raises(InputError, match=r"`label_column` 'edema': no label in 1 of 2 rows"):
        table_of(tmp_path, "text,cough,edema\na,0,1\nb,1,\n", label_column=("cough", "edema"))
