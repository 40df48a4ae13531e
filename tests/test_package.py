"""What it takes to import the package, and what it can do without."""

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHIPPED = [*sorted((ROOT / "hf_metalr").rglob("*.py")), *sorted((ROOT / "examples").rglob("*.py"))]
OPTIONAL = ("matplotlib", "torchvision", "peft", "trl", "bitsandbytes", "tensorboard", "optuna")


def run(code: str) -> str:
    """Run code in a fresh process, in the repository's root, and return what it prints."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_engine_needs_torch_alone() -> None:
    found = run(
        "import sys\nfrom hf_metalr import MetaLR\nprint(*{name.split('.')[0] for name in sys.modules})"
    ).split()
    assert not {"transformers", "datasets", "accelerate", "evaluate", "sklearn", "matplotlib", "PIL"} & set(found)


def test_the_trainer_adds_little_to_what_transformers_imports() -> None:
    # Processor time: the machine may be busy with other things.
    code = """
import sys, time
import torch
from transformers import Trainer, TrainingArguments
before, began = set(sys.modules), time.process_time()
from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments
spent = time.process_time() - began
print(spent, *{name.split('.')[0] for name in set(sys.modules) - before})
"""
    spent, *added = run(code).split()
    assert float(spent) < 1
    assert not {"evaluate", "matplotlib", "scipy", "sklearn", "trl", "yaml"} & set(added)


def test_training_needs_no_optional_package_and_plots_say_what_they_need(tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules |= dict.fromkeys({OPTIONAL!r})  # None: importing it fails as if it were not installed
from tests.trainer.tiny import make_trainer
trainer = make_trainer({str(tmp_path)!r}, max_steps=3, save_strategy="steps", save_steps=2, meta_estimator="next_batch")
trainer.train()
trainer.save_model()
from hf_metalr.engine.history import read_history
from hf_metalr.plotting import plot_learning_rates
try:
    plot_learning_rates(read_history({str(tmp_path / "metalr_history.jsonl")!r}))
except ImportError as error:
    print(error)
"""
    assert "pip install 'hf-metalr[plot]'" in run(code)
    assert (tmp_path / "model.safetensors").is_file()
    assert (tmp_path / "metalr.json").is_file()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_text_files_are_opened_as_utf_8(path: Path) -> None:
    # Windows would read and write them in the encoding of the country.
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        if name in ("read_text", "write_text") or (name in ("open", "fdopen") and _opens_text(node)):
            assert any(keyword.arg == "encoding" for keyword in node.keywords), f"{path}:{node.lineno}: encoding="


def _opens_text(call: ast.Call) -> bool:
    """Whether a call named `open` has a text mode; `Image.open` and its like have none and are left out."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    if owner is not None and ast.unparse(owner) in ("Image", "PIL.Image", "os"):
        return False
    modes = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    return not any("b" in mode for mode in modes if re.fullmatch("[rwabxt+]+", mode))


def test_file_names_suit_every_system() -> None:
    folders = ("hf_metalr", "examples", "docs", "tests", "benchmarks")
    names = [path.relative_to(ROOT).as_posix() for folder in folders for path in (ROOT / folder).rglob("*")]
    assert len(names) > 100
    assert not [name for name in names if re.search(r'[<>:"\\|?*]|[ .]$', name)]
    twice = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    assert not twice, f"Windows and macOS cannot tell apart: {twice}"
