"""The benchmark of rankings runs from fine-tuned results to tables, on the shipped network and images."""

import json

from benchmarks.agreement import TWIN
from benchmarks.ranking import main, read_truth


def result(rate: float, validation: float, test: float | None, **cell) -> dict:
    given = {"dataset": "pneumoniamnist", "size": 40, "backbone": "mobilenetv2_32px", "method": "adamw", "seed": 0}
    scores = None if test is None else {"balanced_accuracy": test}
    return {
        "cell": {**given, "rate": rate, "pretrained": True, **cell},
        "validation": {"balanced_accuracy": validation},
        "test": scores,
    }


RESULTS = [
    result(1e-3, validation=0.7, test=0.8),
    result(1e-2, validation=0.6, test=0.9),  # better on test, but not chosen
    result(1e-3, validation=0.5, test=0.55, pretrained=False),
    result(1e-2, validation=0.6, test=0.5, pretrained=False),
    result(1e-3, validation=0.9, test=0.1, seed=1),  # a seed of one rate
    result(1e-3, validation=0.9, test=0.2, method="l2_sp"),
    result(1e-1, validation=0.9, test=None),
]


def test_the_truth_is_the_test_figure_of_the_rate_chosen_on_validation():
    truth, sizes = read_truth(RESULTS)
    assert truth == {"pneumoniamnist": {"mobilenetv2_32px": 0.8, f"mobilenetv2_32px{TWIN}": 0.5}}
    assert sizes == {"pneumoniamnist": 40}


def test_tables_are_written(tmp_path):
    truth = tmp_path / "truth.jsonl"
    truth.write_text("".join(json.dumps(line) + "\n" for line in RESULTS))
    main([str(truth), "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out")])
    found = json.loads((tmp_path / "out" / "ranking.json").read_text())
    networks = found["scores"]["pneumoniamnist"]["nearest_neighbor_accuracy"]
    assert set(networks) == {"mobilenetv2_32px", f"mobilenetv2_32px{TWIN}"}
    report = (tmp_path / "out" / "ranking.md").read_text()
    assert "of 1 |" in report  # one pair of twins that differ clearly
    assert "| pneumoniamnist | mobilenetv2_32px | 0.800 |" in report
