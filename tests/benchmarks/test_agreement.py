"""Agreement of scores with fine-tuning: perfect, reversed and blind scores have the figures they must have."""

import math

import numpy as np
import pytest

from benchmarks.agreement import TWIN, agreement, regret, twins

TRUTH = {
    "one": {"a": 0.9, "b": 0.8, "c": 0.7, f"a{TWIN}": 0.5, f"b{TWIN}": 0.79, f"c{TWIN}": 0.85},
    "two": {"a": 0.6, "b": 0.8, "c": 0.7, f"a{TWIN}": 0.5, f"b{TWIN}": 0.55, f"c{TWIN}": 0.52},
}


def values(function) -> dict:
    return {
        dataset: {"score": {name: function(name, result) for name, result in networks.items()}}
        for dataset, networks in TRUTH.items()
    }


PERFECT, REVERSED, BLIND = (values(f) for f in (lambda n, r: 3 * r, lambda n, r: -r, lambda n, r: 1.0))


def everything(name: str) -> bool:
    return True


def test_a_perfect_a_reversed_and_a_blind_score():
    assert agreement(TRUTH, PERFECT, "score", everything, draws=200)[0] == pytest.approx(1)
    assert agreement(TRUTH, REVERSED, "score", everything, draws=200)[0] == pytest.approx(-1)
    assert agreement(TRUTH, BLIND, "score", everything, draws=200)[0] == 0
    tau, low, high = agreement(TRUTH, values(lambda name, result: len(name) * result), "score", everything, draws=200)
    assert low <= tau <= high
    trained = agreement(TRUTH, PERFECT, "score", lambda name: not name.endswith(TWIN), draws=200)
    assert trained[0] == pytest.approx(1)


def test_twins_count_where_fine_tuning_tells_them_apart():
    # one: a up, c down, b unclear; two: all up
    assert twins(TRUTH, PERFECT, "score") == "5 of 5"
    assert twins(TRUTH, REVERSED, "score") == "0 of 5"
    assert twins(TRUTH, BLIND, "score") == "0 of 5"
    always_pretrained = values(lambda name, result: float(not name.endswith(TWIN)))
    assert twins(TRUTH, always_pretrained, "score") == "4 of 5"


def test_regret_is_what_the_first_pick_loses():
    assert regret(TRUTH, PERFECT, "score") == 0
    assert regret(TRUTH, REVERSED, "score") == pytest.approx(0.2)
    picks_c = values(lambda name, result: float(name == "c"))
    assert regret(TRUTH, picks_c, "score") == pytest.approx((0.2 + 0.1) / 2)


def test_infinite_scores_are_ranked_first():
    infinite = values(lambda name, result: np.inf if result == 0.9 else result)
    assert math.isfinite(agreement(TRUTH, infinite, "score", everything, draws=200)[0])
