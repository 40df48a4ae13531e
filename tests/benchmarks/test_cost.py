"""The benchmark measures what it says: the comparison is the paper's step, the peak is the peak."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks import cost
from benchmarks.in_turns import time_in_turns
from benchmarks.peak_memory import peak_tensor_bytes
from benchmarks.published import HYPER_LR, PublishedProcedure
from benchmarks.workloads import LEARNING_RATE
from hf_metalr.engine import MetaLR
from tests.benchmarks.busy import spend
from tests.engine.problem import plain_config


class Output:
    def __init__(self, loss: Tensor) -> None:
        self.loss = loss


class Regression(nn.Module):
    """Two layer groups and a loss, called like a Transformers model."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(3, 4), nn.Linear(4, 1)

    def forward(self, inputs: Tensor, labels: Tensor) -> Output:
        return Output((self.head(self.body(inputs).tanh()) - labels).square().mean())


def test_the_published_procedure_moves_rates_as_the_engine_does_with_sgd() -> None:
    model = Regression()
    batch, meta_batch = ({"inputs": torch.randn(5, 3), "labels": torch.randn(5, 1)} for _ in range(2))
    moved_by_published = PublishedProcedure(model, Regression)._moved_rates(batch, meta_batch)

    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    engine = MetaLR(model, optimizer, lambda: model(**meta_batch).loss, plain_config("proportional", hyper_lr=HYPER_LR))
    model(**batch).loss.backward()
    optimizer.step()
    moved_by_engine = list(engine.learning_rates.values())

    changes = [[lr - LEARNING_RATE for lr in lrs] for lrs in (moved_by_published, moved_by_engine)]
    assert 0 not in changes[1]
    assert changes[0] == pytest.approx(changes[1], rel=1e-3)


def test_peak_counts_what_is_alive_at_once() -> None:
    def run() -> tuple[Tensor, Tensor]:
        first = torch.empty(1000)
        del first
        return torch.empty(600), torch.empty(500)

    assert peak_tensor_bytes(run) == 4 * 1100


def test_peak_sees_temporaries_of_the_backward_pass() -> None:
    weight = torch.ones(1000, requires_grad=True)

    def run() -> None:
        (weight * weight).sum().backward()

    # forward: the product; backward: two gradients of the factors and their sum at once
    assert peak_tensor_bytes(run) >= 2 * weight.nbytes


def test_methods_take_turns_and_warm_up_steps_are_not_counted() -> None:
    busy = partial(spend, 0.05)
    times = time_in_turns({"idle": partial(spend, 0.0), "busy": busy}, steps=3, warm_up_steps=2)
    assert {name: len(seconds) for name, seconds in times.items()} == {"idle": 3, "busy": 3}
    assert max(times["idle"]) < 0.05 <= min(times["busy"])
    assert max(times["busy"]) < 0.2  # the first step's fourfold


def test_the_command_writes_every_figure_and_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = "--models vit-tiny --batch-sizes 1 --methods next_batch --parts loop --rounds 1"
    cost.main([*options.split(), "--out", str(tmp_path)])
    rows = [json.loads(line) for line in (tmp_path / "cost.jsonl").read_text().splitlines()]
    assert [row["method"] for row in rows[1:]] == ["plain", "next_batch"]
    assert rows[1]["ratio"] == 1
    page = (tmp_path / "cost.md").read_text()
    assert "| plain |" in page
    assert "| next_batch |" in page
    assert "vit-tiny, batch 1" in capsys.readouterr().out
