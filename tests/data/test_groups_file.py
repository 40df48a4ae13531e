"""Groups of files from a table of their own."""

import logging

import pytest

from hf_metalr.data.folders.groups_file import read_groups
from hf_metalr.errors import InputError

FILES = ["benign/1.png", "benign/2.png", "sick/3.png"]


def table(tmp_path, *lines):
    path = tmp_path / "patients.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "lines",
    [
        ["file,patient", "benign/1.png,p", "sick/3.png,q", "benign/2.png,p"],
        ["who,scan", "q,3", "p,1", "p,2", "r,9"],
        ["age,subject,name", "1,p,1.PNG", "2,p,2.PNG", "3,q,3.PNG"],
    ],
)
def test_the_columns_are_found_and_every_file_gets_its_group(tmp_path, lines, caplog):
    caplog.set_level(logging.INFO)
    assert read_groups(table(tmp_path, *lines), FILES) == ["p", "p", "q"]
    assert "3 files of 2 groups" in caplog.text
    assert ("1 of 4 rows" in caplog.text) == ("r,9" in lines)


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    path = table(tmp_path, "file,patient", "1.png,p", "1.png,q", "2.png,", "4,r")
    files = [*FILES, "benign/4.png", "sick/4.png"]
    with pytest.raises(InputError) as error:
        read_groups(path, files)
    for words in (
        "`groups` '",
        "row 1 puts 'benign/1.png' into q, a row before it into p",
        "row 2 ('benign/2.png') has no group",
        "row 3 could mean benign/4.png or sick/4.png",
        "no row names 'sick/3.png'",
    ):
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("lines", "files", "words"),
    [
        (
            ["a,b", "x,y"],
            FILES,
            "must have a column that names the files, such as 'benign/1.png'; its columns are a, b",
        ),
        (["file,a,b", "1,2,3"], FILES, "one column beside 'file', or one called group or patient; found a, b"),
        (["file", "1"], FILES, "found none"),
        (["file,group", "1,2"], [None, "1.png"], "1 of 2 samples have no file"),
    ],
)
def test_tables_without_files_or_groups(tmp_path, lines, files, words):
    with pytest.raises(InputError, match=words):
        read_groups(table(tmp_path, *lines), files)


def test_a_table_that_is_not_there(tmp_path):
    table(tmp_path, "a")
    with pytest.raises(InputError, match=r"patient\.csv' is no file\. In its folder there are: patients\.csv"):
        read_groups(tmp_path / "patient.csv", FILES)
