"""Random tables: every row is read or left out for a reason, cells come back as they were, and no order matters."""

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hf_metalr.data.config import DataConfig
from hf_metalr.data.kinds.tables import open_tables
from hf_metalr.data.labels.read_targets import read_targets
from hf_metalr.data.labels.tasks import Task
from hf_metalr.data.tables.delimited import read_cells
from hf_metalr.data.tables.table import make_table
from hf_metalr.errors import InputError
from tests.data.making import labels

few = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\0", exclude_categories=("Cs",)), max_size=8)
words = st.sampled_from(["a", "b", "a ", "NA", "None", "1", "2.0", "", "  ", "true", "007", "x, y", 'say "no"', "ü"])


def written(header, rows, separator=","):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


@few
@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=8), st.sampled_from([",", ";", "\t", "|"]))
def test_every_cell_of_a_quoted_table_comes_back(rows, separator):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        path.write_text(written(["a", "b", "c"], rows, separator), encoding="utf-8", newline="")
        found = read_cells(path)
    assert list(zip(*found.columns.values(), strict=True)) == rows


@few
@given(
    st.dictionaries(
        st.sampled_from(["train", "val", "test"]), st.lists(st.tuples(words, words), max_size=7), min_size=1
    )
)
def test_no_row_vanishes(tables):
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, rows in tables.items():
            files.append(Path(folder) / f"{name}.csv")
            files[-1].write_text(written(["text", "label"], rows), encoding="utf-8")
        count = sum(len(rows) for rows in tables.values())
        try:
            opened = open_tables(files, folder)
            table = make_table(
                opened, DataConfig((folder,), skip_damaged=True, input_column=("text",)), several_splits=True
            )
        except InputError as error:
            refused = error.parameter
        else:
            refused = None
    if refused is not None:  # nothing to read, or numbers for texts
        assert refused in ("data", "input_column")
        return
    assert table.rows.found == count
    assert table.rows.read == len(table.dataset) == len(table.origins)
    gone = [name for entry in table.rows.left_out for name in entry.names]
    assert len(gone) == len(set(gone)) == count - len(table.dataset)
    assert {table.name(row) for row in range(len(table.origins))}.isdisjoint(gone)
    for (split, row), text in zip(table.origins, table.dataset["text"], strict=True):
        if split is not None:
            wanted = tables["val" if split == "validation" else split][row][0]
            assert text == wanted


@pytest.mark.parametrize("task", ["classification", "multi-label"])
@few
@given(st.data())
def test_no_order_of_rows_changes_the_numbers_of_the_classes(task, data):
    names = st.sampled_from(["b", "a", " a", "B", "10", "9", "e\u0301", "\u00e9"])
    one = names if task == "classification" else st.lists(names, max_size=3)
    values = data.draw(st.lists(one, min_size=2, max_size=8))
    shuffled = data.draw(st.permutations(range(len(values))))
    try:
        first = read_targets(labels(y=values), Task(task, "text"))
    except InputError:  # one class alone
        with pytest.raises(InputError):
            read_targets(labels(y=[values[row] for row in shuffled]), Task(task, "text"))
        return
    second = read_targets(labels(y=[values[row] for row in shuffled]), Task(task, "text"))
    assert second.names == first.names
    assert second.values == [first.values[row] for row in shuffled]
