"""The plain PyTorch example runs and learns rates."""

import runpy
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plain_pytorch.py"


def test_rates_that_start_too_low_are_raised() -> None:
    main = runpy.run_path(str(EXAMPLE))["main"]
    started, rates = main(epochs=0), main(epochs=1)
    assert list(rates) == ["layer.0", "layer.2", "head"]
    assert all(lr > 1.2 * started[name] for name, lr in rates.items())  # 1e-4 is far too low for this network
