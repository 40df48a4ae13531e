"""The comparison with a tuned sweep: the rate is chosen on validation, and runs are paired by seed."""

import pytest

from benchmarks.accuracy.regret import ahead, table, tuned


def _row(method: str, rate: float | None, seed: int, validation: float, test: float, **settings) -> dict:
    cell = {"dataset": "busi", "size": 400, "backbone": "mobilenetv2", "pretrained": True, "steps": 100}
    cell |= {"method": method, "rate": rate, "seed": seed, "settings": settings}
    scores = {"validation": {"balanced_accuracy": validation}, "test": {"balanced_accuracy": test}}
    return {"key": f"{method}{rate}{seed}{settings}", "cell": cell} | scores


SWEEP = [
    _row("adamw", 1e-3, 0, 0.8, 0.5, schedule="linear"),
    _row("adamw", 1e-3, 1, 0.7, 0.6, schedule="linear"),
    _row("adamw", 1e-4, 0, 0.6, 0.9, schedule="linear"),  # better on test, which must not choose
    _row("adamw", 1e-4, 1, 0.6, 0.9, schedule="linear"),
    _row("adamw", 1e-2, 0, 0.99, 0.99, schedule="cosine"),  # another sweep
]


def test_the_rate_is_chosen_on_validation_alone() -> None:
    runs = {
        rate: {row["cell"]["seed"]: row for row in SWEEP[:4] if row["cell"]["rate"] == rate} for rate in (1e-3, 1e-4)
    }
    assert tuned(runs) == 1e-3


def test_runs_are_paired_by_seed() -> None:
    runs = {1: _row("metalr", None, 1, 0.75, 0.7), 5: _row("metalr", None, 5, 0.0, 0.0)}
    assert ahead(runs, {0: SWEEP[0], 1: SWEEP[1]}, "validation") == pytest.approx([5.0])


def test_the_table_has_a_line_for_every_stated_rate() -> None:
    rows = [
        *SWEEP,
        _row("metalr", None, 0, 0.9, 0.6),
        _row("metalr", None, 1, 0.7, 0.6),
        _row("metalr", 1e-5, 0, 0.8, 0.5),
    ]
    lines = table(rows).splitlines()
    assert [line.split(" | ")[2] for line in lines[2:]] == ["1e-05", "none"]
    assert "+0.0 / +0.0" in lines[2]
    assert "+5.0 / +5.0" in lines[3]
