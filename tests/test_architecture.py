"""The folder tree is the architecture: what may import what, and how large a file may grow."""

import ast
import configparser
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "hf_metalr"
LAYERS = {
    "errors": 0,
    "options": 0,
    "outputs": 0,
    "processes": 0,
    "equations": 0,
    "scores": 0,
    "layer_groups": 1,
    "engine": 2,
    "features": 2,
    "checked_json": 3,
    "data": 3,
    "environment": 3,
    "hub": 3,
    "loading": 3,
    "trainer": 3,
    "transferability": 3,
    "ranking": 3,
    "evaluate_modules": 3,
    "model_card": 3,
    "metrics": 3,
    "training": 4,
    "inference": 4,
    "evaluation": 4,
    "exporting": 4,
    "report": 4,
    "cli": 5,
    "__main__": 5,
}
# Data in, a figure or text out: they need nothing of the package, and every layer above the engine may use them.
ASIDE = {"plotting", "tables"}
FOR_ALL = {"errors"}  # how anyone says what a user gave is at fault
TORCH_ONLY = {"equations", "scores", "layer_groups", "engine", "features"}
ABOVE_TORCH = {"transformers", "accelerate", "datasets", "evaluate", "huggingface_hub"}
MODULES = sorted(PACKAGE.rglob("*.py"))
INNER = [path for path in MODULES if path != PACKAGE / "__init__.py"]  # the shop window itself has no layer


def unit_of(path: Path) -> str:
    """First folder or module below the package: `engine` for hf_metalr/engine/history.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path, *, only_at_import_time: bool = False) -> Iterator[str]:
    """Dotted names that a file imports, relative ones resolved, `from a import b` as `a.b`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = list(path.relative_to(ROOT).parent.parts)
    for node in _run_at_import(tree) if only_at_import_time else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def _run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run when the module is imported: no function bodies, no `if TYPE_CHECKING` blocks."""
    for child in ast.iter_child_nodes(node):
        typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if not typing_only and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _run_at_import(child)


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_package_was_found() -> None:
    assert {unit_of(path) for path in INNER} >= TORCH_ONLY


@pytest.mark.parametrize("path", INNER, ids=short)
def test_imports_point_only_downwards(path: Path) -> None:
    unit = unit_of(path)
    assert unit in LAYERS or unit in ASIDE, (
        f"{short(path)}: give the new unit '{unit}' a layer in {Path(__file__).name}"
    )
    used = {name.split(".")[1] for name in imports_of(path) if name.startswith("hf_metalr.")}
    for other in used - {unit}:
        if other in FOR_ALL:
            allowed = True
        elif unit in ASIDE or other in ASIDE:
            allowed = unit not in ASIDE and LAYERS[unit] > LAYERS["engine"]
        else:
            allowed = other in LAYERS and LAYERS[other] <= LAYERS[unit]
        assert allowed, f"{short(path)} (in '{unit}') may not import hf_metalr.{other}"


@pytest.mark.parametrize("path", [path for path in INNER if unit_of(path) in TORCH_ONLY], ids=short)
def test_the_lower_layers_know_only_torch(path: Path) -> None:
    found = {name.split(".")[0] for name in imports_of(path)} & ABOVE_TORCH
    assert not found, f"{short(path)} imports {sorted(found)}; the layers below the trainer use torch only"


@pytest.mark.parametrize("path", [path for path in MODULES if unit_of(path) not in ASIDE], ids=short)
def test_matplotlib_is_needed_only_by_plots(path: Path) -> None:
    at_import = {name.split(".")[0] for name in imports_of(path, only_at_import_time=True)}
    assert "matplotlib" not in at_import, f"{short(path)} imports matplotlib; draw in hf_metalr/plotting"


@pytest.mark.parametrize("path", [path for path in MODULES if unit_of(path) != "cli"], ids=short)
def test_nothing_prints(path: Path) -> None:
    calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call, ast.Name) and call.id == "print"], "log instead of printing"


@pytest.mark.parametrize("path", [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))], ids=short)
def test_files_stay_small(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 300, f"{short(path)} has {lines} lines: it probably holds two ideas"


def test_every_third_party_import_is_declared() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = config["options.extras_require"]
    parts = [config["options"]["install_requires"], *(extras[name] for name in ("plot", "dicom", "triton", "onnx"))]
    declared = "".join(parts)
    names = {re.split(r"[<>=!~ ]", line)[0].replace("-", "_") for line in declared.split("\n") if line}
    modules = {"scikit_learn": "sklearn", "pillow": "PIL", "pyyaml": "yaml"}
    importable = {modules.get(name, name) for name in names}
    imported = {name.split(".")[0] for path in MODULES for name in imports_of(path)}
    assert imported - set(sys.stdlib_module_names) - {"hf_metalr"} <= importable


def test_importing_the_package_loads_no_framework() -> None:
    probe = "import sys, hf_metalr; sys.exit(bool({'torch', 'transformers', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", probe], cwd=ROOT, check=False).returncode == 0
