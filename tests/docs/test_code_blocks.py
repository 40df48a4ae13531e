"""The Python of the documents runs as it stands, page by page, on tiny models under the ids that the pages name."""

import ast
import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.blocks import PAGES, Block, blocks_of, name_of
from tests.docs.world import build

pytestmark = [
    # Pages are written for a GPU; the tests train on a CPU.
    pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),  # read by PEFT
]

RUN = [page for page in PAGES if any(block.not_run is None for block in blocks_of(page, "python"))]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    build(folder)
    return folder


def test_the_pages_were_found() -> None:
    assert len(RUN) >= 8


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_a_page_runs_from_top_to_bottom(
    page: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    names = ModuleType("page").__dict__  # the blocks of a page go on from each other
    for block in blocks_of(page, "python"):
        if block.not_run is None:
            if block.needs is not None:
                pytest.importorskip(block.needs)
            run(block, names)


def run(block: Block, names: dict[str, object]) -> None:
    tree = ast.parse(block.code)
    ast.increment_lineno(tree, block.line - 1)  # a traceback points into the page
    exec(compile(tree, str(block.page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_is_not_run_still_parses_and_imports_what_there_is(page: Path) -> None:
    for block in blocks_of(page, "python"):
        for node in ast.walk(ast.parse(block.code, filename=f"{page}:{block.line}")):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hf_metalr"):
                assert node.module is not None
                home = importlib.import_module(node.module)
                missing = [alias.name for alias in node.names if not hasattr(home, alias.name)]
                assert not missing, f"{name_of(page)}:{block.line}: {node.module} has no {missing}"
