"""The GPU benchmark runs from end to end on a CPU, and its checks can fail."""

import json
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import __main__ as program
from benchmarks.gpu import correctness, cost, models
from hf_metalr.engine.passes import Passes


def test_every_part_writes_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every = models.workloads
    monkeypatch.setattr(cost, "workloads", lambda options: every(options)[-1:])  # the adapted one
    monkeypatch.setattr(sys, "argv", ["gpu", "--smoke", "--out", str(tmp_path), "--parts", "correctness", "cost"])
    program.main()
    found = json.loads((tmp_path / "gpu.json").read_text())
    # Triton is for GPUs, peaks are read there, and some machines have no compiler.
    assert [name for name, row in found["correctness"].items() if not row["holds"]][1:] in (
        ["one copy of memory"],
        ["compiled", "one copy of memory"],
    )
    assert [row["method"] for row in found["cost"]] == ["plain", "next_batch", "lookahead", "lookahead, every 10"]


def test_a_part_that_fails_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correctness, "SIZES", None)
    monkeypatch.setattr(
        sys, "argv", ["gpu", "--smoke", "--out", str(tmp_path), "--parts", "correctness", "cost", "--seconds", "0"]
    )
    program.main()
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert "TypeError" in found["correctness"]["failed"]
    assert {row["left_out"] for row in found["cost"]} == {"no time left"}


def test_the_checks_see_a_sum_and_a_move_that_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    device = torch.device("cpu")
    sums, move = Passes.sums, Passes.move
    assert correctness._sums(Passes(), device, torch.float32)["holds"]
    monkeypatch.setattr(Passes, "sums", lambda *arguments: 1.0001 * sums(*arguments))
    assert not correctness._sums(Passes(), device, torch.float32)["holds"]
    monkeypatch.setattr(Passes, "move", lambda self, entries, factors: move(self, entries, factors[::-1]))
    assert not correctness._moves(device)["holds"]
