"""Cells that name image files and cells that are images: found however they are written, or named by row."""

import io

import pytest
from datasets import Dataset, Image
from PIL import Image as Picture

from hf_metalr.data.tables.image_paths import file_columns, mark_images, open_paths
from hf_metalr.errors import InputError
from tests.data.making import save_scans, table_from, table_of


@pytest.fixture
def scans(tmp_path):
    save_scans(tmp_path / "scans [1]", 4)
    return tmp_path


def table(*cells, **said):
    return "file,label\n" + "".join(f"{cell},{'ab'[row % 2]}\n" for row, cell in enumerate(cells))


WAYS = {
    "as they are": ("scans [1]/{}.png", None),
    "a blank behind": ("scans [1]/{}.png ", "blanks around the name are left out in 4 rows ('scans [1]/0.png ')"),
    "of Windows": ("scans [1]\\{}.png", r"\ is read as / in 4 rows"),
    "without ending": ("scans [1]/{}", "the ending of the file is added in 4 rows ('scans [1]/0')"),
    "without folder": ("{}.png", "files are found in the folder 'scans [1]' below the table in 4 rows"),
    "identifiers": ("{}", "files are found in the folder 'scans [1]' below the table in 4 rows"),
    "with a dot": ("./scans [1]/{}.png", None),
}


@pytest.mark.parametrize("way", WAYS)
def test_files_are_found_however_they_are_written(scans, way):
    pattern, told = WAYS[way]
    made = table_of(scans, table(*(pattern.format(number) for number in range(4))), input_column=("file",))
    assert made.dataset.features["file"] == Image(decode=False)
    assert made.files() == [f"scans [1]/{number}.png" for number in range(4)]
    assert any(told in note for note in made.notes) if told else not any("rows" in note for note in made.notes)


def test_absolute_names_are_read(scans):
    made = table_of(scans, table(*(scans / "scans [1]" / f"{number}.png" for number in range(2))))
    assert made.files() == ["scans [1]/0.png", "scans [1]/1.png"]


def test_a_column_of_names_is_taken_for_images_also_with_gaps_in_it(scans):
    # catches: one cell with a blank, an empty one or a lost file makes a column of texts
    content = table("scans [1]/0.png", "", "scans [1]/1.png ", "scans [1]/9.png", "x")
    with pytest.raises(InputError) as caught:
        table_of(scans, content)
    message = str(caught.value)
    assert "`input_column` 'file': it is empty in 1 of 5 rows (row 1)." in message
    assert "no such file in 2 of 5 rows (row 3: 'scans [1]/9.png', row 4: 'x')" in message
    assert message.endswith("or leave them out with `skip_damaged`.")
    made = table_of(scans, content, skip_damaged=True)
    assert made.files() == ["scans [1]/0.png", "scans [1]/1.png"]
    assert str(made.rows) == "5 rows found = 2 read + 3 left out"


def test_names_of_two_folders_are_not_guessed(scans):
    save_scans(scans / "more", 1)
    with pytest.raises(InputError, match=r"no such file in 1 of 2 rows \(row 0: '0\.png'\)"):
        table_of(scans, table("0.png", "1.png"))


def test_whole_numbers_name_files_only_in_a_column_that_is_called_so(scans):
    content = "image_id,age,label\n" + "".join(f"{row},{row},{'ab'[row % 2]}\n" for row in range(4))
    assert table_of(scans, content).files() == [f"scans [1]/{row}.png" for row in range(4)]


def test_texts_stay_texts(tmp_path):
    content = table("see scan.png for more", "a/b c", "x" * 5000, "ü" * 400)
    made = table_of(tmp_path, content)
    assert made.dataset["file"][0] == "see scan.png for more"
    assert made.files() == [None] * 4


def test_addresses_are_refused_in_words(tmp_path):
    with pytest.raises(
        InputError, match=r"holds addresses such as 'https://x\.org/0\.png\?size=1', which are not fetched"
    ):
        table_of(tmp_path, table("https://x.org/0.png?size=1", "https://x.org/1.png"))


def picture(level):
    buffer = io.BytesIO()
    Picture.new("L", (2, 2), level).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["struct", "bytes", "large bytes"])
def test_images_within_the_table_are_images(form):
    import pyarrow

    cells = [picture(0), picture(9)]
    kinds = {
        "struct": [{"bytes": cell, "path": None} for cell in cells],
        "bytes": pyarrow.array(cells, pyarrow.binary()),
        "large bytes": pyarrow.array(cells, pyarrow.large_binary()),
    }
    dataset = Dataset(pyarrow.table({"image": kinds[form], "label": ["a", "b"]}))
    made = table_from({None: dataset})
    assert [cell["bytes"] for cell in made.dataset["image"]] == cells
    assert made.files() == [None, None]


def test_paths_in_structs_are_looked_up_like_names(scans):
    cells = [{"bytes": None, "path": "scans [1]/1.png"}, {"bytes": None, "path": "gone.png"}, None]
    dataset = mark_images(Dataset.from_dict({"image": cells}))
    found, reasons, _ = open_paths(dataset, "image", scans)
    assert found["image"][0]["path"] == str(scans / "scans [1]" / "1.png")
    assert reasons == {1: "no such file", 2: "it is empty"}


def test_lists_of_images_are_no_input():
    dataset = Dataset.from_dict({"image": [[picture(0)], [picture(1)]], "label": ["a", "b"]})
    with pytest.raises(InputError, match=r"one image in a row.*found image \(List\)"):
        table_from({None: dataset}, input_column=("image",))


def test_without_a_folder_nothing_is_looked_up():
    dataset = Dataset.from_dict({"text": ["etc", "usr"], "n": [0, 1]})
    assert file_columns(dataset, None) == []


def test_names_of_files_that_are_all_lost_are_no_texts(tmp_path):
    # catches: a moved folder of images that ends in a classifier of file names
    with pytest.raises(
        InputError, match=r"'file': no such file in 4 of 4 rows \(row 0: '0\.png', row 1: '1\.png', row 2: 'x'"
    ):
        table_of(tmp_path, table("0.png", "1.png", "x", "2.dcm"))


def test_accents_are_found_in_either_form(tmp_path):
    save_scans(tmp_path / "e\u0301", 1)
    made = table_of(tmp_path, table("\u00e9/0.png", "\u00e9/0.png"))
    assert made.files() == ["e\u0301/0.png"] * 2


def test_classes_that_are_called_like_a_file_are_no_masks(tmp_path):
    save_scans(tmp_path, 2)
    (tmp_path / "1.png").rename(tmp_path / "b.png")
    (tmp_path / "0.png").rename(tmp_path / "a.png")
    made = table_of(tmp_path, table("a.png", "b.png"))
    assert list(made.dataset["label"]) == ["a", "b"]


def test_codes_that_name_no_file_get_a_word(tmp_path):
    made = table_of(tmp_path, table("0a24c", "1f3b7"))
    assert "column 'file' holds codes such as '0a24c', which are learned from as texts" in made.notes[-1]
    assert not any("codes" in note for note in table_of(tmp_path, table("0a24c", "two words")).notes)
