"""Tables of each kind give the same rows; files are what they are called; nothing is renamed, filled or lost."""

import io
import json

import pytest
from datasets import Dataset

from hf_metalr.errors import InputError
from tests.data.making import opened, rows_of, write

ROWS = [{"text": "a cat", "label": "cat"}, {"text": "a dog", "label": "dog"}]
CSV = "text,label\na cat,cat\na dog,dog\n"


def parquet(columns):
    buffer = io.BytesIO()
    Dataset.from_dict(columns).to_parquet(buffer)
    return buffer.getvalue()


FORMS = {
    "t.csv": CSV,
    "T.CSV": CSV.replace("\n", "\r\n"),
    "old mac.csv": CSV.replace("\n", "\r"),
    "mark.csv": b"\xef\xbb\xbf" + CSV.encode(),
    "utf16.csv": CSV.encode("utf-16"),
    "semicolon.csv": CSV.replace(",", ";"),
    "tab.csv": CSV.replace(",", "\t"),
    "hint.csv": "sep=|\n" + CSV.replace(",", "|"),
    "blanks.csv": "text, label\n\na cat, cat\n   \na dog, dog\n\n",
    "excel.csv": "text,label,,\na cat,cat,,\na dog,dog,,\n",
    "index.csv": ",text,label\n0,a cat,cat\n1,a dog,dog\n",
    "unnamed.csv": "Unnamed: 0,text,label\n0,a cat,cat\n1,a dog,dog\n",
    "t.tsv": CSV.replace(",", "\t"),
    "t.json": json.dumps(ROWS),
    "lines.json": "".join(json.dumps(row) + "\n" for row in ROWS),
    "t.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
    "t.ndjson": "\n".join(json.dumps(row) for row in ROWS),
    "columns.json": json.dumps({"text": ["a cat", "a dog"], "label": ["cat", "dog"]}),
    "pandas.json": json.dumps({"text": {"0": "a cat", "1": "a dog"}, "label": {"0": "cat", "1": "dog"}}),
    "field.json": json.dumps({"version": 1, "data": ROWS}),
    "t.parquet": parquet({"text": ["a cat", "a dog"], "label": ["cat", "dog"]}),
    "index.parquet": parquet({"text": ["a cat", "a dog"], "label": ["cat", "dog"], "__index_level_0__": [0, 1]}),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_a_table_gives_the_same_rows(tmp_path, name):
    found = opened(tmp_path, {name: FORMS[name]})
    assert list(found.parts) == [None]
    assert rows_of(found.parts[None]) == {"text": ["a cat", "a dog"], "label": ["cat", "dog"]}
    assert (found.folder, str(found.files)) == (tmp_path, "1 file found, all read")


TOLD = {
    "semicolon.csv": "'semicolon.csv' is separated by semicolons",
    "utf16.csv": "'utf16.csv' is read as UTF-16",
    "index.csv": "column 1 of 'index.csv' counts the rows and is not read",
    "field.json": "records are read from the field 'data', not version",
    "index.parquet": "column '__index_level_0__' of 'index.parquet' is the index of pandas and is not read",
}


@pytest.mark.parametrize("name", TOLD)
def test_what_was_decided_is_told(tmp_path, name):
    assert opened(tmp_path, {name: FORMS[name]}).notes == [TOLD[name]]
    assert opened(tmp_path, {"t.csv": CSV}).notes == []


@pytest.mark.parametrize("name", ["table [v2]", "a*b", "what?", "{x,y}", "grün 图", "[", "!a", "a,b", "a%20b", "x#1"])
@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_no_character_of_a_file_name_is_a_pattern(tmp_path, name, suffix):
    form = FORMS[f"t{suffix}"]
    # Files that a pattern would find as well, or instead.
    write(tmp_path / "[in] here", {f"table v{suffix}": form, f"aab{suffix}": form, f"whats{suffix}": form})
    found = opened(tmp_path / "[in] here", {name + suffix: form})
    assert len(found.parts[None]) == 2


def test_words_for_nothing_are_words_and_empty_cells_are_empty(tmp_path):
    # catches: pandas, for which None, NA, null and nan in a column of words are empty
    found = opened(tmp_path, {"t.csv": "grade,age\nNone,1\nNA,NA\nnull,\n,3\nnan,4\n"})
    assert rows_of(found.parts[None]) == {"grade": ["None", "NA", "null", None, "nan"], "age": [1, None, None, 3, 4]}
    assert found.notes == ["column 'age': 'NA' is read as empty among numbers"]


def test_a_column_has_one_type_however_long_it_is(tmp_path):
    # catches: types taken from each 10,000 rows
    numbers = "".join(f"{row},x\n" for row in range(12_000))
    column = opened(tmp_path, {"t.csv": f"id,label\n{numbers}A7,y\n"}).parts[None]["id"]
    assert (column[0], column[12_000]) == ("0", "A7")


def test_codes_with_zeros_in_front_are_no_numbers(tmp_path):
    assert rows_of(opened(tmp_path, {"t.csv": "patient,n\n007,1\n12,2\n"}).parts[None])["patient"] == ["007", "12"]


def test_decimal_commas_are_read_where_a_comma_separates_nothing(tmp_path):
    found = opened(tmp_path, {"t.csv": "text;age\na;3,5\nb;4\n"})
    assert rows_of(found.parts[None])["age"] == [3.5, 4.0]
    assert "column 'age': numbers with a decimal comma" in found.notes
    assert rows_of(opened(tmp_path, {"t.csv": 'text,age\na,"3,5"\n'}).parts[None])["age"] == ["3,5"]


def test_quoted_cells_may_hold_line_ends_separators_and_long_texts(tmp_path):
    long = "x" * 200_000
    found = opened(tmp_path, {"t.csv": f'text,label\n"two\nlines, ""one"" cell",1\n{long},2\n'})
    assert rows_of(found.parts[None])["text"] == ['two\nlines, "one" cell', long]


def test_quotation_marks_in_texts_between_tabs_are_parts_of_them(tmp_path):
    found = opened(tmp_path, {"t.tsv": 'text\tlabel\n"No" he said\t1\n"yes\t2\n'})
    assert rows_of(found.parts[None])["text"] == ['"No" he said', '"yes']
    assert "quotation marks in 't.tsv' are parts of its texts" in found.notes[0]


def test_files_called_after_splits_are_splits_and_parts_of_words_are_not(tmp_path):
    found = opened(tmp_path, {"Training.csv": CSV, "val.csv": CSV, "TEST.tsv": CSV.replace(",", "\t")})
    assert list(found.parts) == ["train", "validation", "test"]
    assert found.notes == [
        "splits by the names of the files: train from 'Training.csv', validation from 'val.csv', test from 'TEST.tsv'"
    ]
    assert list(opened(tmp_path / "pcr", {"pcr_test_1.csv": CSV, "pcr_train_1.csv": CSV}).parts) == [None]


def test_the_shards_of_a_split_are_joined_in_order(tmp_path):
    files = {f"train-0000{n}-of-00002.parquet": parquet({"text": [f"{n}"], "label": [n]}) for n in (0, 1)}
    files |= {"test-00000-of-00001.parquet": parquet({"text": ["t"], "label": [0]})}
    found = opened(tmp_path, files)
    assert {name: list(part["text"]) for name, part in found.parts.items()} == {"train": ["0", "1"], "test": ["t"]}


def test_folders_called_after_splits_are_splits_and_files_know_their_folder(tmp_path):
    found = opened(tmp_path, {"train/metadata.csv": CSV, "Valid/metadata.csv": CSV})
    assert {name: list(part["subfolder"]) for name, part in found.parts.items()} == {
        "train": ["train", "train"],
        "validation": ["Valid", "Valid"],
    }


def test_several_files_are_joined_and_a_header_alone_is_told(tmp_path):
    files = {"a.csv": "text,n\nx,1\n", "b.csv": "n,text\n2.5,y\n", "none.csv": "text,n\n"}
    found = opened(tmp_path, files)
    assert rows_of(found.parts[None]) == {"text": ["x", "y"], "n": [1.0, 2.5]}
    assert str(found.files) == "3 files found = 2 read + 1 left out"
    assert str(found.files.left_out[0]) == "1: no rows (none.csv)"


def test_nested_records_of_several_types_are_left_out_and_told(tmp_path):
    # catches: a field that nobody needs and Arrow cannot hold makes all of the table unreadable
    lines = '{"text": "a", "spans": [[0, 4, "gene"]], "n": 1}\n{"text": "b", "spans": [], "n": 2, "late": "x"}\n'
    found = opened(tmp_path, {"t.jsonl": lines})
    assert rows_of(found.parts[None]) == {"text": ["a", "b"], "n": [1, 2], "late": [None, "x"]}
    assert found.notes[0].startswith("column 'spans' is not read: its records have no one type")


def test_a_split_may_lack_the_labels(tmp_path):
    found = opened(tmp_path, {"train.csv": CSV, "test.csv": "text\nwho knows\n"})
    assert found.parts["test"].column_names == ["text"]


REFUSED = {
    "Latin-1": ({"t.csv": "text,label\nä,1\n".encode("latin-1")}, r"must be UTF-8, found the byte 0xe4 in line 2 of"),
    "UTF-16 without mark": ({"t.csv": CSV.encode("utf-16-le")}, r"found zero bytes"),
    "empty": ({"t.csv": ""}, r"names an empty file"),
    "header alone": ({"t.csv": "text,label\n"}, r"has no rows"),
    "no records": ({"t.json": "[]"}, r"has no rows"),
    "a name twice": ({"t.csv": "text,text\na,b\n"}, r"name every column differently, found 'text' twice"),
    "no header": ({"t.csv": "a/1.png,sick\na/2.png,well\n"}, r"begin with a row of column names, found .*'a/1\.png'"),
    "no name": ({"t.csv": "text,,label\na,b,c\n"}, r"must name every column, found none for column 2"),
    "too many cells": ({"t.csv": "text,label\na,1\nb,c,2\n"}, r"the header has names, 2, found 3 in .* line 3"),
    "too few cells": ({"t.csv": "text,label\na\n"}, r"found 1 in the row that ends in line 2"),
    "an open quotation": ({"t.csv": 'text,label\n"a,1\n'}, r"A quotation mark that opens a cell must be closed"),
    "other columns": ({"a.csv": "text,n\na,1\n", "b.csv": "text,m\na,1\n"}, r"same columns .* differ in m, n"),
    "other types": (
        {"a.parquet": parquet({"n": [1]}), "b.parquet": parquet({"n": ["x"]})},
        r"same types .*b\.parquet' has Value\('string'\) in 'n'",
    ),
    "two kinds": ({"a.csv": CSV, "b.jsonl": "{}"}, r"one kind, \.csv.*found \.csv, \.jsonl"),
    "a spreadsheet": ({"a.xlsx": "PK"}, r"found \.xlsx.*save spreadsheets as 'CSV UTF-8'"),
    "a split and others": (
        {"train.csv": CSV, "pcr_test.csv": CSV},
        r"or of none, found train\.csv beside pcr_test\.csv",
    ),
    "broken lines": ({"a.jsonl": '{"a": 1}\n{"a": '}, r"is no JSON: .* in line 2 of"),
    "a field twice": ({"a.jsonl": '{"a": 1, "a": 2}'}, r"the field 'a' stands there twice in line 1"),
    "no records but numbers": ({"a.json": "[1, 2]"}, r"must hold records.*found something else"),
    "columns of two lengths": ({"a.json": '{"a": [1], "b": [1, 2]}'}, r"columns of equal length, found"),
    "words among numbers": ({"a.jsonl": '{"a": 1}\n{"a": "x"}'}, r"one kind in a column, found int and str in 'a'"),
    "no parquet": ({"a.parquet": "PAR"}, r"cannot be read: .*[Pp]arquet.*a\.parquet"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_without_a_guess_is_refused(tmp_path, case):
    files, message = REFUSED[case]
    with pytest.raises(InputError, match=message) as caught:
        opened(tmp_path, files)
    assert caught.value.parameter == "data"


def test_a_file_named_twice_is_refused(tmp_path):
    from hf_metalr.data.kinds.tables import open_tables

    (path,) = write(tmp_path, {"t.csv": CSV})
    with pytest.raises(InputError, match=r"name a file once, found '.*t\.csv' twice"):
        open_tables([path, tmp_path / "." / "t.csv"], "t.csv")
