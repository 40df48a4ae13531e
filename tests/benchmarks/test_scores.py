"""The benchmark of the scores measures what it names, with or without the rival."""

from pathlib import Path

import pytest

from benchmarks import scores


def test_a_line_per_score_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "SIZES", [(40, 6, 3), (20, 30, 2)])
    monkeypatch.setattr(scores, "rivals", lambda: {"h_score": lambda features, labels: 7.0})
    scores.main(["--rounds", "1", "--threads", "1", "--out", str(tmp_path / "scores.md")])
    lines = (tmp_path / "scores.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if " × " in line and line.startswith("| ") and "N × D" not in line]
    features, labels = scores.problem(40, 6, 3)
    assert len(rows) == 2 * len(scores.OURS)
    for row, (name, score) in zip(rows, scores.OURS.items(), strict=False):
        assert row.startswith(f"| {name} | 40 × 6, 3 | {score(features, labels):.4f} | ")
    assert [row for row in rows if " 7.0000 " in row] == [row for row in rows if row.startswith("| h_score ")]
