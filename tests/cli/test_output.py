"""Outputs are refused before the work, and appear whole or not at all after it."""

import argparse
import json
import xml.etree.ElementTree as Xml
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from hf_metalr.cli.output import add_output_options, check_outputs, deliver
from hf_metalr.errors import InputError
from hf_metalr.outputs import write_files


class Table:
    """A result small enough to see through."""

    def __str__(self) -> str:
        return "layer  T"

    def to_markdown(self) -> str:
        return "| layer |"

    def to_csv(self) -> str:
        return "layer,T\n"

    def to_dict(self) -> dict[str, object]:
        return {"layer": "étage", "T": 2.5}

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(self.to_dict()), encoding="utf-8")

    def plot(self) -> Figure:
        figure = Figure(figsize=(2, 1))
        figure.add_subplot().plot([1, 2])
        return figure


def options_of(*arguments: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_output_options(parser, "the table")
    return parser.parse_args([str(argument) for argument in arguments])


def test_each_form_is_the_whole_of_standard_output():
    assert deliver(Table(), options_of()) == "layer  T"
    assert deliver(Table(), options_of("--markdown")) == "| layer |"
    assert deliver(Table(), options_of("--csv")) == "layer,T"
    assert json.loads(deliver(Table(), options_of("--json"))) == {"layer": "étage", "T": 2.5}


def test_two_forms_at_once_are_refused():
    with pytest.raises(SystemExit):
        options_of("--json", "--csv")


def test_files_are_written_in_the_kind_of_their_suffix(tmp_path):
    saved, drawn = tmp_path / "result.json", tmp_path / "result.svg"
    options = options_of("--save", saved, "--plot", drawn)
    check_outputs(options)
    deliver(Table(), options)
    assert json.loads(saved.read_text())["T"] == 2.5
    assert Xml.parse(drawn).getroot().tag.endswith("svg")
    deliver(Table(), options_of("--plot", tmp_path / "result.png"))
    with Image.open(tmp_path / "result.png") as picture:
        assert picture.width == 400
    assert {path.name for path in tmp_path.iterdir()} == {"result.json", "result.svg", "result.png"}


def test_only_the_main_process_writes(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    deliver(Table(), options_of("--save", tmp_path / "result.json"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--save", "result.txt"], r"`save` must be a \.json file, found 'result\.txt'"),
        (["--plot", "result.gif"], r"`plot` must be a \.png, \.svg, \.pdf file"),
        (["--plot", "nowhere/result.png"], r"`plot` must lie in an existing folder.*Create 'nowhere' first"),
        (["--save", "file.json/result.json"], r"`save` needs a folder, found the file 'file\.json'"),
        (["--save", "folder.json"], r"`save` must be a file, found the folder"),
    ],
)
def test_unwritable_outputs_are_refused_before_the_work(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.json").write_text("{}")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InputError, match=message):
        check_outputs(options_of(*arguments))


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)  # root, as which tests may run, has every permission
    with pytest.raises(InputError, match="may not be written"):
        check_outputs(options_of("--save", tmp_path / "result.json"))


def test_a_figure_without_matplotlib_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("hf_metalr.outputs.find_spec", lambda _: None)
    check_outputs(options_of())
    with pytest.raises(InputError, match=r"pip install 'hf-metalr\[plot\]'"):
        check_outputs(options_of("--plot", tmp_path / "result.png"))


def test_when_one_file_fails_no_file_changes(tmp_path):
    old = tmp_path / "result.json"
    old.write_text("old")

    def fail_halfway(path: Path) -> None:
        path.write_text("half", encoding="utf-8")
        raise OSError("No space left on device")

    writers = {old: lambda path: path.write_text("new"), tmp_path / "result.png": fail_halfway}
    with pytest.raises(OSError, match="No space left"):
        write_files(writers)
    assert old.read_text() == "old"
    assert list(tmp_path.iterdir()) == [old]
