"""What the site's hooks put into pages is there: an empty table would be no error of MkDocs."""

import importlib.util
from dataclasses import fields
from pathlib import Path

import pytest

from hf_metalr.options.learned_rates import LearnedRateOptions


def test_every_training_argument_has_its_row() -> None:
    pytest.importorskip("latex2mathml")
    path = Path(__file__).parents[2] / "docs" / "hooks.py"
    spec = importlib.util.spec_from_file_location("site_hooks", path)
    assert spec is not None
    assert spec.loader is not None
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    rows = hooks.arguments_table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [field.name for field in fields(LearnedRateOptions)]
    assert all(len(row) > 40 for row in rows)
