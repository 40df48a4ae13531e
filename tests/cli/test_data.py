"""What `--data` accepts, what it chooses when not told, and what it says when something is missing."""

import argparse
import json

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value
from PIL import Image as Picture

from hf_metalr.cli.data import Data, add_data_options, load_data
from hf_metalr.cli.errors import UserError

ROWS = [("a cat", "cat"), ("a dog", "dog"), ("two dogs", "dog"), ("one cat", "cat")]


def load(*arguments: str) -> Data:
    parser = argparse.ArgumentParser()
    add_data_options(parser, required=True)
    return load_data(parser.parse_args(["--data", *map(str, arguments)]))


@pytest.fixture
def image_folder(tmp_path):
    for shade, name in enumerate(["normal", "normal", "sick"]):
        folder = tmp_path / "scans" / name
        folder.mkdir(parents=True, exist_ok=True)
        Picture.new("L", (8, 8), 40 * shade).save(folder / f"{shade}.png")
    return tmp_path / "scans"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS))
    return path


def test_the_folders_of_images_are_the_classes(image_folder):
    data = load(image_folder)
    assert (data.input_columns, data.label_column) == (["image"], "label")
    assert data.dataset.features["label"].names == ["normal", "sick"]
    # Each image has the shade that its folder was given, so labels and images belong together.
    assert sorted(
        (row["image"].getpixel((0, 0)), data.dataset.features["label"].int2str(row["label"])) for row in data.dataset
    ) == [(0, "normal"), (40, "normal"), (80, "sick")]


@pytest.mark.parametrize("kind", ["csv", "tsv", "json", "jsonl", "parquet"])
def test_every_kind_of_table_gives_the_same_rows(tmp_path, kind):
    path = tmp_path / f"notes.{kind}"
    rows = [{"text": text, "label": label} for text, label in ROWS]
    if kind == "parquet":
        Dataset.from_list(rows).to_parquet(path)
    elif kind in ("csv", "tsv"):
        separator = "," if kind == "csv" else "\t"
        path.write_text("".join(separator.join(pair) + "\n" for pair in [("text", "label"), *ROWS]))
    else:
        path.write_text(json.dumps(rows) if kind == "json" else "".join(json.dumps(row) + "\n" for row in rows))
    for source in (path, tmp_path):  # the file itself, and the folder that holds it
        data = load(source)
        assert data.dataset["text"][:] == [text for text, _ in ROWS]
        assert data.dataset["label"][:] == [0, 1, 1, 0]


def test_several_files_are_joined(tmp_path, table):
    more = tmp_path / "more.csv"
    more.write_text("text,label\na cow,cow\n")
    data = load(table, more)
    assert data.dataset["text"][:] == [*(text for text, _ in ROWS), "a cow"]
    assert data.dataset.features["label"].names == ["cat", "cow", "dog"]


def test_a_saved_data_set_is_opened_with_and_without_splits(tmp_path):
    def part(size):
        features = Features({"text": Value("string"), "kind": ClassLabel(names=["x", "y"])})
        return Dataset.from_dict({"text": ["a"] * size, "kind": [0] * size}, features=features)

    part(3).save_to_disk(tmp_path / "one")
    DatasetDict({"train": part(4), "test": part(5)}).save_to_disk(tmp_path / "splits")
    assert len(load(tmp_path / "one").dataset) == 3
    assert len(load(tmp_path / "splits").dataset) == 4
    assert len(load(tmp_path / "splits", "--split", "test").dataset) == 5
    assert load(tmp_path / "one").label_column == "kind"  # by its type, not its name


def test_labels_that_are_words_become_numbers_and_the_mapping_is_shown(table, capsys):
    data = load(table)
    assert data.dataset.features["label"] == ClassLabel(names=["cat", "dog"])
    output = capsys.readouterr()
    assert "labels of 'label': 0 = cat, 1 = dog" in output.err
    assert output.out == ""


def test_labels_that_are_numbers_stay_as_they_are(tmp_path, capsys):
    path = tmp_path / "grades.csv"
    path.write_text("text,label\na,3\nb,7\n")
    assert load(path).dataset["label"][:] == [3, 7]
    assert "labels of" not in capsys.readouterr().err


def test_a_table_may_name_image_files_beside_it(tmp_path):
    for shade, name in enumerate(["a", "b"]):
        Picture.new("L", (8, 8), 40 * shade).save(tmp_path / f"{name}.png")
    path = tmp_path / "scans.csv"
    path.write_text("file,label\nb.png,sick\na.png,well\n")
    data = load(path, "--input-column", "file")
    assert isinstance(data.dataset.features["file"], Image)
    assert [image.getpixel((0, 0)) for image in data.dataset["file"]] == [40, 0]


def test_the_training_split_is_taken_when_there_are_several_and_that_is_said(tmp_path, capsys):
    for split in ("train", "test"):
        for name in ("sick", "well"):
            (tmp_path / split / name).mkdir(parents=True)
            Picture.new("L", (8, 8)).save(tmp_path / split / name / "0.png")
    assert load(tmp_path).dataset.features["label"].names == ["sick", "well"]
    assert "split 'train' of train, test" in capsys.readouterr().err


@pytest.fixture
def mistakes(tmp_path, monkeypatch):
    """Enter a folder where much is not as it should be."""
    monkeypatch.chdir(tmp_path)
    tables = {
        "notes.csv": "text,label,other\na,x,p\nb,y,q\n",
        "gaps.csv": "text,label\na,x\nb,\n",
        "gaps_in_numbers.csv": "text,label\na,\nb,1\n",
        "texts.csv": "text,more\na,b\n",
        "paths.csv": "image,label\nnowhere.png,x\n",
        "no_rows.jsonl": "",
        "broken.parquet": "no parquet",
    }
    for name, text in tables.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "empty").mkdir()
    part = Dataset.from_dict({"text": ["a"], "label": [0]})
    part.save_to_disk("saved")
    Dataset.from_dict({"text": ["a", "b"], "label": [1.0, float("nan")]}).save_to_disk("no_numbers")
    DatasetDict({"dev": part, "test": part}).save_to_disk("splits")


MISTAKES = {
    "note.csv": r"note\.csv' does not exist\. In '\.' there are: notes\.csv",
    "x/y.csv": r"y\.csv' does not exist\. Neither does the folder 'x'",
    "nobody/nothing": r"neither a file or folder here nor a data set that the Hub gives",
    "notes.csv --input-column txt": r"--input-column 'txt' does not exist\. The columns are: text, label, other",
    "notes.csv --label-column lable": r"--label-column 'lable' does not exist\. The columns are: label, text",
    "texts.csv": r"--label-column must name.*no column is marked.*columns are: text \(text\), more \(text\)",
    "notes.csv --label-column text": r"--input-column must name.*several columns could be: label, other",
    "notes.csv --split tain": r"--split 'tain' does not exist in 'notes\.csv'\. The splits are: train",
    "splits": r"--split must name one split.*dev, test",
    "saved --split test": r"--split 'test': .* has no splits",
    "gaps.csv": r"1 of 2 rows without one \(the first is row 1\)",
    "gaps_in_numbers.csv": r"1 of 2 rows without one \(the first is row 0\)",
    "no_numbers": r"1 of 2 rows without one \(the first is row 1\)",
    "paths.csv": r"1 of 1 do not exist, the first in row 0",
    "no_rows.jsonl": r"no_rows\.jsonl' is an empty file",
    "broken.parquet": r"broken\.parquet' cannot be opened: .*[Pp]arquet",
    "empty": r"holds no image.*an empty folder",
    "notes.csv broken.parquet": r"all of one kind.*\.csv, \.parquet",
    "notes.csv empty": r"one folder or several files",
    "notes.csv --subset en": r"--subset belongs to data sets of the Hub",
}


@pytest.mark.usefixtures("mistakes")
@pytest.mark.parametrize("arguments", MISTAKES)
def test_what_is_missing_is_named_with_what_exists(arguments):
    with pytest.raises(UserError, match=MISTAKES[arguments]):
        load(*arguments.split())


def test_images_without_class_folders_have_no_labels(tmp_path):
    for number in range(2):
        Picture.new("L", (8, 8)).save(tmp_path / f"{number}.png")
    with pytest.raises(UserError, match=r"--label-column must name.* labels.*image \(Image\).*at least two"):
        load(tmp_path)


def test_a_part_of_the_data_keeps_the_shares_and_knows_its_rows(tmp_path):
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps({"text": str(row), "label": row % 4 == 0}) + "\n" for row in range(100)))
    data = load(path)
    part = data.part(20, seed=0)
    assert part.dataset["label"][:].count(1) == 5
    assert [int(text) for text in part.dataset["text"]] == [part.row_of(sample) for sample in range(20)]
    assert part.dataset["text"][:] != data.part(20, seed=1).dataset["text"][:]
    assert data.part(None, seed=0) is data.part(100, seed=0) is data
    assert data.row_of(7) == 7


def test_a_class_whose_name_a_csv_file_cannot_hold_is_explained(tmp_path):
    path = tmp_path / "grades.csv"
    path.write_text("text,label\na,None\nb,mild\n")
    with pytest.raises(UserError, match=r"1 of 2 rows without one .*such as None, NA or null.*rename it"):
        load(path)


def texts(tmp_path, *columns: str):
    path = tmp_path / "pairs.csv"
    path.write_text(
        f"{','.join(columns)},label\n" + "".join(f"{','.join('ab' for _ in columns)},{n}\n" for n in (0, 1))
    )
    return path


@pytest.mark.parametrize(
    ("columns", "chosen", "told"),
    [
        (["premise", "hypothesis"], ["premise", "hypothesis"], "input: pairs of the columns premise and hypothesis\n"),
        (["sentence", "question", "id"], ["question", "sentence"], "question and sentence (not read: id; choose with"),
        (["title", "text"], ["text"], "input: column 'text' (not read: title; choose with --input-column)"),
        (["text", "question", "answer"], ["text"], "(not read: question, answer; choose"),  # of what is the pair?
        (["note"], ["note"], "input: column 'note'\n"),
    ],
)
def test_which_texts_are_read_is_told(tmp_path, capsys, columns, chosen, told):
    assert load(texts(tmp_path, *columns)).input_columns == chosen
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("columns", [["body", "reply"], ["question", "passage", "answer"]])
def test_texts_that_could_be_one_or_a_pair_are_asked_for(tmp_path, columns):
    with pytest.raises(UserError, match=r"several columns could be: .*Name two columns of texts for pairs\."):
        load(texts(tmp_path, *columns))
    assert load(texts(tmp_path, *columns), "--input-column", *columns[1::-1]).input_columns == columns[1::-1]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["a", "a"], r"two different columns of texts for pairs, found a \(text\), a \(text\)"),
        (["a", "b", "c"], r"takes one column, or two different columns"),
        (["a", "number"], r"found a \(text\), number \(int64\)"),
        (["a", "label"], r"'label' holds the labels, groups or splits already"),
        (["a", "bb"], r"--input-column 'bb' does not exist"),
    ],
)
def test_what_makes_no_pair_is_refused(tmp_path, wanted, message):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"a": "x", "b": "y", "c": "z", "number": 1, "label": "k"}\n')
    with pytest.raises(UserError, match=message):
        load(path, "--input-column", *wanted)
