"""Tables are arithmetic: checked on a handful of made-up results."""

import json
from pathlib import Path

import pytest

from benchmarks.accuracy import report
from benchmarks.accuracy.cell import Cell
from benchmarks.accuracy.summary import RATES, Scores, mean_ranks, regrets

FIXED = {(0, 1e-5): 0.2, (0, 1e-4): 0.5, (0, 1e-3): 0.8, (0, 1e-2): 0.3}
FIXED |= {(1, 1e-5): 0.2, (1, 1e-4): 0.9, (1, 1e-3): 0.7, (1, 1e-2): 0.3}
OURS = {(seed, rate): 0.7 for seed in (0, 1) for rate in RATES}


def rows() -> list[dict]:
    made = []
    for method, scores in (("adamw", FIXED), ("metalr", OURS), ("dog", {(0, None): 0.6, (1, None): 0.6})):
        for (seed, rate), score in scores.items():
            cell = Cell("busi", 400, "mobilenetv2", method, rate, seed)
            made.append(
                {"key": cell.key, "cell": cell.to_dict(), "validation": {"balanced_accuracy": score}, "test": None}
            )
    return made


def test_the_sweep_chooses_one_rate_for_all_seeds_of_a_task() -> None:
    # catches: the best rate of every single run, which no user could have chosen
    best = Scores(rows()).best_rate("adamw", "busi-400 mobilenetv2")
    assert best is not None
    assert best[0] == 1e-3
    assert best[1].mean == pytest.approx(0.75)


def test_regret_is_measured_against_that_rate_in_the_same_run() -> None:
    found = regrets(Scores(rows()), "metalr")[1e-3]
    assert found.mean == pytest.approx((0.1 + 0.0) / 2)
    assert found.error == pytest.approx(0.05)


def test_a_method_without_rates_has_one_score_at_all_of_them() -> None:
    scores = Scores(rows())
    assert scores.over_rates("dog", ("busi-400 mobilenetv2", 0)) == [0.6] * 4
    assert scores.over_rates("adamw", ("busi-400 mobilenetv2", 2)) is None


def test_ranks_are_shared_by_ties_and_add_up() -> None:
    scores = Scores(rows())
    ranks = mean_ranks(scores, scores.methods)
    assert sum(rank.mean for rank in ranks.values()) == pytest.approx(1 + 2 + 3)
    # of eight (seed, rate): fixed rates beat 0.7 twice and tie once
    assert ranks["metalr"].mean == pytest.approx((6 * 1 + 2 * 2 - 1 + 1.5) / 8)


def test_the_report_is_written_with_its_figure(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    report.main([str(tmp_path / "results.jsonl"), "--out", str(tmp_path / "out")])
    text = (tmp_path / "out" / "report.md").read_text()
    assert "18 runs, 1 tasks" in text
    assert "| metalr | 0.700 ± 0.000 | 0.700 ± 0.000 |" in text
    assert (tmp_path / "out" / "accuracy_by_rate.png").stat().st_size > 10_000


def test_a_method_without_some_rates_is_shown_without_a_mean_and_other_networks_can_be_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    ends = [row for row in rows() if row["cell"]["method"] != "metalr" or row["cell"]["rate"] in (1e-5, 1e-2)]
    other = [row | {"cell": row["cell"] | {"backbone": "minilm"}} for row in rows()]
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*ends, *other]))
    report.main([str(tmp_path / "results.jsonl"), "--backbone", "mobilenetv2"])
    text = capsys.readouterr().out
    assert "14 runs, 1 tasks" in text
    assert "| metalr | +5.0 ± 5.0 |  |  | +5.0 ± 5.0 |  |" in text
