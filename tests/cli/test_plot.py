"""`hf-metalr plot`: which files come out of which source, and one line for each mistake."""

import json
import sys

import pytest
from PIL import Image

from hf_metalr.cli import main
from hf_metalr.ranking import RankedBackbone, Ranking, Score
from hf_metalr.transferability.profile import LayerTransferability, TransferabilityProfile
from tests.plotting.histories import full_history

FIGURES = ["learned_rates", "learned_rates_heatmap", "hypergradients"]


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "demo"
    folder.mkdir()
    rows = full_history(3)
    (folder / "metalr_history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def save_profile(path):
    layers = [LayerTransferability(n, n == "head", 1, 3.0, 2.9, 3.1, 0.0, 1.0, 0.3, 0.1, 1.0) for n in ("stem", "head")]
    TransferabilityProfile(tuple(layers), "a", "b", "c").save(path)


def width(path):
    with Image.open(path) as image:
        return image.width


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_gives_every_figure_beside_it_and_the_report(run_folder, tmp_path, capsys):
    save_profile(run_folder / "transferability.json")
    page = tmp_path / "page.html"
    assert main(["plot", str(run_folder), "--html", str(page), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["figures"] == [str(run_folder / f"{name}.png") for name in [*FIGURES, "transferability"]]
    assert (told["kind"], told["report"]) == ("run", str(page))
    assert all(width(path) > 1000 for path in told["figures"])
    assert "<title>demo: learned rates</title>" in page.read_text(encoding="utf-8")
    assert names(run_folder) == sorted(
        [*(f"{name}.png" for name in [*FIGURES, "transferability"]), "metalr_history.jsonl", "transferability.json"]
    )


@pytest.mark.parametrize(("view", "figure"), list(zip(["rates", "heatmap", "hypergradients"], FIGURES, strict=True)))
def test_one_view_as_vector_file_from_a_history_alone(run_folder, tmp_path, capsys, view, figure):
    out = tmp_path / "out"
    out.mkdir()
    history = str(run_folder / "metalr_history.jsonl")
    assert main(["plot", history, "--view", view, "--format", "svg", "--output-dir", str(out)]) == 0
    assert capsys.readouterr().out == f"{out / figure}.svg\n"
    assert names(out) == [f"{figure}.svg"]
    first = (out / f"{figure}.svg").read_bytes()
    assert b"<svg" in first
    assert b"<dc:date>" not in first


def test_the_report_alone_needs_no_matplotlib(run_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("hf_metalr.outputs.find_spec", lambda name: None)
    for module in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = tmp_path / "page.html"
    assert main(["plot", str(run_folder), "--view", "none", "--html", str(page)]) == 0
    assert page.stat().st_size > 10_000
    assert main(["plot", str(run_folder)]) == 1
    assert "pip install 'hf-metalr[plot]'" in capsys.readouterr().err
    assert names(run_folder) == ["metalr_history.jsonl"]


def test_a_saved_profile_and_a_saved_ranking_are_drawn(tmp_path, capsys):
    save_profile(tmp_path / "profile.json")
    backbone = RankedBackbone("a", 10, 4, None, False, {"log_maximum_evidence": Score(0.5, 0.4, 0.6, 1)}, {"last": {}})
    Ranking((backbone,), ("log_maximum_evidence",), {}, 20, 2, 0.95).save(tmp_path / "ranking.json")
    for kind, source in (("transferability", "profile"), ("ranking", "ranking")):
        assert main(["plot", str(tmp_path / f"{source}.json"), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {
            "kind": kind,
            "figures": [str(tmp_path / f"{source}.png")],
            "report": None,
        }
        assert width(tmp_path / f"{source}.png") > 1000


def test_a_run_whose_meta_steps_were_all_skipped_is_drawn_without_hypergradients(run_folder, capsys):
    rows = [row | {"hypergradient": {}} for row in full_history(3)]
    (run_folder / "metalr_history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["plot", str(run_folder)]) == 0
    assert "hypergradients.png" not in names(run_folder)
    assert main(["plot", str(run_folder), "--view", "hypergradients"]) == 1
    assert "Was every meta step skipped?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "'nowhere' does not exist"),
        (["."], "metalr_history.jsonl does not exist"),
        (["notes.txt"], "found 'notes.txt'"),
        (["broken.jsonl"], "Line 1 of broken.jsonl is not the row of a meta step"),
        (["empty.jsonl"], "empty.jsonl holds no meta step"),
        (["run", "--output-dir", "notes.txt"], "--output-dir needs a folder, found the file 'notes.txt'"),
        (["no_rates.jsonl"], "'base_lr'"),
        (["other.json"], "found schema 'None'"),
        (["broken.json"], "broken.json is not valid JSON"),
        (["run", "--html", "page.txt"], "--html must be a .html, .htm file"),
        (["run", "--html", "no/page.html"], "Create 'no' first"),
        (["run", "--html", "folder.html"], "found the folder 'folder.html'"),
        (["run", "--output-dir", "no"], "Create 'no' first"),
        (["run", "--view", "none"], "--view none draws nothing"),
        (["other.json", "--html", "page.html"], "--html reports a run"),
    ],
    ids=str,
)
def test_each_mistake_is_one_line_and_leaves_no_file(run_folder, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    run_folder.rename(tmp_path / "run")
    (tmp_path / "folder.html").mkdir()
    for name, content in {
        "notes.txt": "x",
        "broken.jsonl": "{\n",
        "empty.jsonl": "",
        "no_rates.jsonl": '{"step": 1}\n',
        "other.json": "{}",
        "broken.json": "{",
    }.items():
        (tmp_path / name).write_text(content)
    before = sorted(tmp_path.rglob("*"))
    assert main(["plot", *arguments]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("hf-metalr plot: error: ")
    assert message in output.err
    assert output.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
