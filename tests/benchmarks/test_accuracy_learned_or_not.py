"""Learned rates against the same start with nothing learned."""

from typing import Any

from benchmarks.accuracy.learned_or_not import NOTHING, pairs, table


def _row(score: float, seed: int, rate: float | None = None, **settings: Any) -> dict[str, Any]:
    cell = {"dataset": "busi", "size": 400, "backbone": "mobilenetv2", "pretrained": True, "method": "metalr"}
    cell |= {"settings": {"lr_scheduler_type": "linear"} | settings, "rate": rate, "steps": 100, "seed": seed}
    scores = {"balanced_accuracy": score}
    return {"key": f"{cell}", "cell": cell, "validation": scores, "test": scores}


def test_runs_are_paired_by_everything_but_what_learns() -> None:
    # catches: seeds mixed up; another rate or optimizer taken for the same start
    rows = [_row(0.8, 0), _row(0.7, 0, hyper_lr=NOTHING), _row(0.6, 1), _row(0.9, 0, rate=1e-4, hyper_lr=NOTHING)]
    rows += [_row(0.5, 2, optim="sgd"), _row(0.4, 2, hyper_lr=NOTHING)]
    (((learned, nothing),),) = pairs(rows).values()
    assert (learned["validation"]["balanced_accuracy"], nothing["validation"]["balanced_accuracy"]) == (0.8, 0.7)


def test_the_table_says_what_learning_adds() -> None:
    rows = [_row(0.8, 0), _row(0.7, 0, hyper_lr=NOTHING), _row(0.6, 1), _row(0.7, 1, hyper_lr=NOTHING)]
    (line,) = table(rows).splitlines()[2:]
    assert "metalr linear" in line
    assert "70.0 / 70.0" in line
    assert "+0.0" in line or "-0.0" in line
