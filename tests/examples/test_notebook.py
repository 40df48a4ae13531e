"""The notebook runs from top to bottom in its folder, and is kept without outputs."""

import ast
import json
import shutil
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from tests.trainer.tiny import assert_learned

NOTEBOOK = Path(__file__).parents[2] / "examples" / "quick_start.ipynb"
FEWER = ("TRAIN_SIZE, EPOCHS = 400, 4", "TRAIN_SIZE, EPOCHS = 96, 1")


@pytest.fixture
def cells() -> list[dict]:
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


def test_it_holds_no_outputs(cells: list[dict]) -> None:
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 5
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    assert len({cell["id"] for cell in cells}) == len(cells)


def test_it_runs(cells: list[dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Copied, not linked: Windows lets few users make links.
    shutil.copytree(NOTEBOOK.parent / "assets", tmp_path / "assets")
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "__main__"}
    shown = []
    for cell in cells:
        if cell["cell_type"] == "code":
            statements = ast.parse("".join(cell["source"]).replace(*FEWER), filename=cell["id"]).body
            exec(compile(ast.Module(statements[:-1], []), cell["id"], "exec"), names)
            last = statements[-1]  # whose value Jupyter shows, if it has one
            if isinstance(last, ast.Expr):
                shown.append(eval(compile(ast.Expression(last.value), cell["id"], "eval"), names))
            else:
                exec(compile(ast.Module([last], []), cell["id"], "exec"), names)
    assert names["TRAIN_SIZE"] == 96
    assert any(isinstance(value, Figure) for value in shown)
    assert_learned(names["trainer"])
