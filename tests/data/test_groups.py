"""Patients by a column, by the names of files or by a table of their own; and how they are split, in words."""

from pathlib import Path

import pytest
from datasets import Dataset

from hf_metalr.data.config import DataConfig
from hf_metalr.data.tables.groups import find_groups, told_groups
from hf_metalr.errors import InputError
from tests.data.making import save_scans, table_from, table_of


def texts(patients):
    return table_from({None: Dataset.from_dict({"text": list("abc"), "label": [0, 1, 0], "patient": patients})})


def said(**options):
    return DataConfig(("data",), **options)


@pytest.fixture
def scans(tmp_path):
    save_scans(tmp_path / "p07", 2)
    save_scans(tmp_path / "p12", 1)
    return table_of(tmp_path, "file,label\np07/0.png,a\np07/1.png,b\np12/0.png,a\n")


def test_groups_come_from_a_column_a_pattern_or_a_table(scans):
    assert find_groups(texts([7, 7, 9]), said(group_column="patient")) == ([7, 7, 9], "patient")
    assert find_groups(texts(["p7 ", "p7", "p9"]), said(group_column="patient")) == (["p7", "p7", "p9"], "patient")
    assert find_groups(scans, said(group_pattern=r"p(\d+)/")) == (["07", "07", "12"], r"'p(\d+)/'")
    assert find_groups(scans, said(group_pattern=r"p\d+"))[0] == ["p07", "p07", "p12"]

    def from_table(path, files):
        return [f"{path.stem}:{file}" for file in files]

    found = find_groups(scans, said(groups=Path("patients.csv")), from_table)
    assert found == (["patients:p07/0.png", "patients:p07/1.png", "patients:p12/0.png"], "patients.csv")
    assert find_groups(scans, said()) is None


REFUSED = {
    "gaps": ({"group_column": "patient"}, r"found 2 of 3 rows without one \(row 1, row 2\)\. Fill them in"),
    "two ways": ({"group_column": "patient", "group_pattern": "p"}, r"`group_column` and `group_pattern` both say"),
    "no files": ({"group_pattern": "p"}, r"inputs in column 'text' have none, first in row 0\. Name a column with"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_gives_no_groups_is_told(case):
    options, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        find_groups(texts(["p7", "", None]), said(**options))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"p07", r"not found in 1 of 3: 'p12/0\.png'"),
        (r"subject(\d+)", r"not found in 3 of 3: 'p07/0\.png', 'p07/1\.png', 'p12/0\.png'"),
        (r"(x)?p", r"not found in 3 of 3"),  # a group that takes no part
        (r"(", r"must be a regular expression, found '\('"),
    ],
)
def test_a_pattern_must_fit_every_file(scans, pattern, message):
    with pytest.raises(InputError, match=message):
        find_groups(scans, said(group_pattern=pattern))


def test_how_groups_are_split_is_said():
    splits = {"train": [0, 1, 2], "validation": [3], "test": [4]}
    assert told_groups(splits, [7, 7, 8, 9, 10], "patient_id") == "split by patient_id: 2 / 1 / 1 patients, none shared"
    assert told_groups(splits, [7, 7, 8, 9, 9], "site") == (
        "split by site: 2 / 1 / 1 groups, 1 shared, such as '9': scores will flatter"
    )
    assert "studies, none" in told_groups(splits, [1, 1, 1, 2, 3], "StudyUID")
