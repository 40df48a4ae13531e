"""The plain PyTorch example runs and learns rates."""

import runpy
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plain_pytorch.py"


def test_rates_that_start_too_low_are_raised() -> None:
    rates = runpy.run_path(str(EXAMPLE))["main"](epochs=1)
    assert list(rates) == ["layer.0", "layer.2", "head"]
    assert all(lr > 1.2e-4 for lr in rates.values())  # started at 1e-4, far too low for this network
