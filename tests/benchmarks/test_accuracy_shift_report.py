"""The report on shifts is arithmetic: checked on a handful of made-up results."""

import math

import pytest

from benchmarks.accuracy import shift_report
from benchmarks.accuracy.cell import Cell

PLACE = {"dataset": "x_noise", "size": 200, "backbone": "network_on_x"}
GROUPS = ["stem", "layer.0", "layer.1", "layer.2", "layer.3", "norm", "head"]


def row(method: str, rate: float | None, validation: float, test: float | None = None, **entries: object) -> dict:
    learned = entries.pop("rates", None)
    cell = Cell.from_dict(PLACE | {"method": method, "rate": rate, "seed": 0} | entries)
    scores = {
        split: None if score is None else {"balanced_accuracy": score}
        for split, score in (("validation", validation), ("test", test))
    }
    return {"key": cell.key, "cell": cell.to_dict()} | scores | ({"rates": learned} if learned else {})


UNIFORM = [
    row("adamw", 1e-3, 0.8, 0.5, seed=0),
    row("adamw", 1e-3, 0.6, 0.6, seed=1),
    row("adamw", 1e-4, 0.1, 0.9, seed=0),
    row("adamw", 1e-4, 0.9, 0.9, seed=1),
]


def blocks_alone(scores: dict[str, tuple[float, float]]) -> list[dict]:
    return [
        row("block_only", rate, score, settings={"block": block})
        for block, both in scores.items()
        for rate, score in zip((1e-3, 3.16e-3), both, strict=True)
    ]


def learned(rates: dict[str, float], seed: int = 0) -> dict:
    return row("metalr", 1e-3, 0.8, 0.75, seed=seed, rates={"9": dict.fromkeys(GROUPS, 1.0), "100": rates})


def test_a_rate_is_chosen_on_validation_over_seeds_and_then_read_on_test() -> None:
    # catches: the best test score (0.9), and the best rate of each seed
    assert shift_report.at_best_rate(UNIFORM, "adamw", "test") == (1e-3, {0: 0.5, 1: 0.6})
    assert shift_report.at_best_rate(UNIFORM, "auto_rgn", "test") is None
    other = row("adamw", 1e-3, 0.8, 0.5, settings={"schedule": "linear"})
    with pytest.raises(ValueError, match="one choice of settings"):
        shift_report.at_best_rate([*UNIFORM, other], "adamw", "test")


def test_learned_minus_uniform_is_taken_by_seed_in_points() -> None:
    rates = dict.fromkeys(GROUPS, 1e-3)
    text = shift_report.page([*UNIFORM, learned(rates, 0), learned(rates, 1), row("unadapted", None, 0.3, 0.2)], "test")
    cells = [cell.strip() for line in text.splitlines() if "x_noise" in line for cell in line.split("|")]
    assert "0.550 ± 0.050 (0.001)" in cells
    assert "+20.0 ± 5.0" in cells
    assert "0.200" in cells


def test_the_gain_of_a_block_is_that_of_its_better_rate() -> None:
    rows = [*blocks_alone({"block1": (0.5, 0.7), "head": (0.4, 0.2)}), row("unadapted", None, 0.3)]
    assert shift_report.block_gains(rows) == pytest.approx({"block1": 0.4, "head": 0.1})


def test_the_rate_of_a_block_is_the_geometric_mean_at_the_last_step_relative_to_all() -> None:
    rates = dict(zip(GROUPS, (1e-2, 1e-3, 1e-3, 1e-3, 1e-3, 1e-5, 1e-3), strict=True))
    found = shift_report.block_rates([learned(rates), learned(rates, seed=1)])
    assert list(found) == ["block1", "block2", "block3", "block4", "block5", "head"]
    assert math.prod(found.values()) == pytest.approx(1)
    assert found["block1"] / found["block2"] == pytest.approx(10)
    assert found["block5"] / found["block2"] == pytest.approx(0.1)  # of layer.3 and norm


@pytest.mark.parametrize(("sign", "expected"), [(1, 1.0), (-1, -1.0), (0, math.nan)])
def test_the_correlation_has_the_sign_of_rate_against_gain(sign: int, expected: float) -> None:
    rates = {group: 10.0 ** (sign * index - 3) for index, group in enumerate(GROUPS)}
    names = ["block1", "block2", "block3", "block4", "block5", "head"]
    rows = [*blocks_alone({name: (0.1 * index, 0.0) for index, name in enumerate(names)}), learned(rates)]
    assert shift_report.rank_correlation(rows) == pytest.approx(expected, nan_ok=True)
    text = shift_report.page(rows, "validation")
    assert "Spearman" in text
    assert "nan" not in text
