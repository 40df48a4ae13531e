"""The paper's own experiment: folds keep groups together, nothing is chosen by the test fold, rates move as written."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.accuracy.assets import Assets
from benchmarks.accuracy.cell import Cell
from benchmarks.accuracy.methods import METHODS
from benchmarks.accuracy.paper import report, run
from benchmarks.accuracy.paper.choice import best_on_test, chosen_cells, chosen_epoch
from benchmarks.accuracy.paper.epochs import EpochScores
from benchmarks.accuracy.paper.folds import fold_numbers, pooled, split_at_fold
from benchmarks.accuracy.run_cell import Metrics
from benchmarks.accuracy.samples import Images
from benchmarks.accuracy.splits import Split
from benchmarks.accuracy.store import open_store, read_results
from hf_metalr.engine.rates import base_lrs
from tests.benchmarks.tiny_task import make_split, make_task
from tests.trainer.tiny import make_vit, weights

CELL = {"dataset": "busi", "size": "all", "backbone": "mobilenetv2", "method": "adamw", "seed": 0}
RATES = (1e-4, 1e-3, 1e-2)


def make_pool() -> Split:
    """90 samples, three classes in the proportions 5 : 3 : 2, in groups of 1 to 3 samples of one class."""
    labels = torch.tensor([0] * 45 + [1] * 27 + [2] * 18)
    groups = torch.repeat_interleave(torch.arange(45), torch.tensor([1, 2, 3]).repeat(15))
    return Split(torch.arange(90).view(90, 1, 1, 1), labels, groups)


def make_rows(cell: Cell, fold: int, validation: list[float], test: list[float]) -> dict[str, Any]:
    def scores(accuracy: float) -> dict[str, float]:
        return dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1"), accuracy) | {"loss": 1 - accuracy}

    epochs = [{"validation": scores(v), "test": scores(t)} for v, t in zip(validation, test, strict=True)]
    return {"key": f"{cell.key}-{fold}", "cell": cell.to_dict(), "fold": fold, "epochs": epochs}


def test_folds_share_no_group_and_every_sample_is_tested_once() -> None:
    pool = make_pool()
    numbers = fold_numbers(pool, 5, seed=0)
    tested = []
    for fold in range(5):
        splits = split_at_fold(pool, numbers, fold)
        groups = [set(split.groups.tolist()) for split in splits.values()]
        assert not groups[0] & groups[1]
        assert not groups[0] & groups[2]
        assert not groups[1] & groups[2]
        assert sum(map(len, splits.values())) == len(pool)
        assert [len(split.labels.unique()) for split in splits.values()] == [3, 3, 3]
        tested += splits["test"].inputs.flatten().tolist()
    assert sorted(tested) == list(range(len(pool)))


def test_validation_is_the_fold_after_the_tested_one() -> None:
    pool = make_pool()
    numbers = fold_numbers(pool, 5, seed=0)
    first, last = split_at_fold(pool, numbers, 0), split_at_fold(pool, numbers, 4)
    assert torch.equal(first["validation"].inputs, split_at_fold(pool, numbers, 1)["test"].inputs)
    assert torch.equal(last["validation"].inputs, first["test"].inputs)


def test_folds_depend_on_their_seed_alone() -> None:
    pool = make_pool()
    assert torch.equal(fold_numbers(pool, 5, seed=0), fold_numbers(pool, 5, seed=0))
    assert not torch.equal(fold_numbers(pool, 5, seed=0), fold_numbers(pool, 5, seed=1))
    with pytest.raises(ValueError, match="from 2 to the number of groups, 45; found 46"):
        fold_numbers(pool, 46, seed=0)


def test_a_group_in_two_folds_is_an_error() -> None:
    pool = make_pool()
    numbers = fold_numbers(pool, 5, seed=0)
    fold = int(numbers[1])
    numbers[2] = (fold + 1) % 5  # of the group of sample 1
    with pytest.raises(ValueError, match="group 1 lies in the splits"):
        split_at_fold(pool, numbers, fold)


def test_pooled_keeps_every_row_together() -> None:
    pool = make_pool()
    halves = (Split(*(rows[part] for rows in vars(pool).values())) for part in (slice(0, 40), slice(40, 90)))
    assert all(torch.equal(rows, getattr(pool, name)) for name, rows in vars(pooled(halves)).items())


def test_neither_the_epoch_nor_the_rate_is_chosen_by_test_scores() -> None:
    """Test scores turned upside down, and even missing, change no choice."""
    cells = [Cell.from_dict(CELL | {"rate": rate}) for rate in RATES]
    validation = [[0.5, 0.6, 0.4], [0.3, 0.4, 0.7], [0.2, 0.1, 0.3]]
    rows = [make_rows(cell, 0, v, [0.1, 0.9, 0.2]) for cell, v in zip(cells, validation, strict=True)]
    turned, without = copy.deepcopy(rows), copy.deepcopy(rows)
    for row in turned:
        for index, epoch in enumerate(row["epochs"]):
            epoch["test"] = dict.fromkeys(epoch["test"], 1.0 - index / 10 - row["cell"]["rate"])
    for row in without:
        for epoch in row["epochs"]:
            del epoch["test"]
    for found in (rows, turned, without):
        assert [chosen_epoch(row["epochs"]) for row in found] == [1, 2, 2]
        assert [cell.rate for cell in chosen_cells(cells, found)] == [1e-3]
    assert [best_on_test(row["epochs"]) for row in turned] == [0, 0, 0]


def test_equal_accuracies_are_told_apart_by_the_loss_and_a_diverged_epoch_loses() -> None:
    def epoch(loss: float | None) -> dict[str, dict[str, float | None]]:
        return {"validation": {"accuracy": 0.5, "loss": loss}}

    assert chosen_epoch([epoch(None), epoch(0.9), epoch(0.8), epoch(0.8)]) == 2


def test_the_rate_is_chosen_at_fold_0_and_a_single_rate_is_not_chosen() -> None:
    cells = [Cell.from_dict(CELL | {"rate": rate}) for rate in RATES]
    alone = Cell.from_dict(CELL | {"method": "metalr", "rate": 5e-5})
    rows = [make_rows(cell, 0, [0.5 + cell.rate], [0.5]) for cell in cells]
    later = [make_rows(cells[0], 1, [1.0], [1.0])]
    assert chosen_cells([*cells, alone], rows + later) == [cells[2], alone]
    with pytest.raises(ValueError, match=r"fold 0 must run first at every rate; .* 0.01 seed 0 did not"):
        chosen_cells(cells, rows[:2])


def test_the_plan_runs_every_rate_at_fold_0_and_the_chosen_one_at_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[int, float | None]] = []

    def results(runs: list[run.FoldRun], *_: Any) -> Any:
        for one in runs:
            ran.append((one.fold, one.cell.rate))
            row = make_rows(one.cell, one.fold, [1 - one.cell.rate], [one.cell.rate])
            yield one, row | {"key": one.key, "seconds": 0.0}

    monkeypatch.setattr(run, "_results", results)
    cells = [Cell.from_dict(CELL | {"rate": rate}) for rate in RATES]
    for _ in range(2):  # the second time everything is there
        with open_store(tmp_path / "paper.jsonl") as store:
            run.run_plan(run.Plan(3, 0, 1), cells, store, Assets(), workers=1)
    assert ran == [(0, 1e-4), (0, 1e-3), (0, 1e-2), (1, 1e-4), (2, 1e-4)]
    assert len(read_results(tmp_path / "paper.jsonl")) == 5


def test_the_committed_grid_has_a_name_for_every_method() -> None:
    plan, cells = run.read_plan(run.GRID)
    assert plan.folds == 5
    assert {report.label_of(cell) for cell in cells} == set(report.LABELS.values())
    with pytest.raises(ValueError, match="no name for the method 'dog'"):
        report.label_of(replace(cells[0], method="dog"))


def test_the_report_has_the_chosen_epoch_and_the_bias_of_choosing_on_test() -> None:
    cell = Cell.from_dict(CELL | {"rate": 1e-3})
    ours = Cell.from_dict(CELL | {"method": "metalr", "rate": 5e-5, "settings": {"lr_scheduler_type": "linear"}})
    rows = [make_rows(cell, fold, [0.5, 0.7, 0.6], [0.9, 0.5 + fold / 10, 0.4]) for fold in (0, 1)]
    rows += [make_rows(ours, fold, [0.5], [0.8]) for fold in (0, 1)]
    text = report.page(rows, {"claims": ["A claim."], "busi_accuracy": {"all layers": 81.5}})
    line = next(line for line in text.splitlines() if line.startswith("| all layers |"))
    scores = "55.0 ± 7.1 | 55.0 ± 7.1 | 55.0 ± 7.1 | 40.0 ± 0.0 | 90.0 ± 0.0 | +35.0"
    assert line.startswith(f"| all layers | 0.001 | {scores} |")
    assert line.endswith("| 81.5 |")
    assert "- A claim." in text
    assert "| all layers | +25.0 (2 of 2) |" in text


def test_scores_of_an_epoch_are_those_of_its_weights_and_leave_no_trace(tmp_path: Path) -> None:
    watched, alone = make_vit(dropout=0.1), make_vit(dropout=0.1)
    samples = Images(make_split(9, seed=1), torch.full((3,), 127.5), torch.full((3,), 127.5), augment=False)
    scores = EpochScores(watched, {"validation": samples}, Metrics())
    task = replace(make_task(tmp_path, "adamw", watched, steps=12), callbacks=(scores,))
    trainer = METHODS["adamw"](task)
    METHODS["adamw"](make_task(tmp_path, "adamw", alone, steps=12))
    assert len(scores.rows) == 2  # 24 samples by 4
    assert scores.rows[0] != scores.rows[1]
    assert scores.rows[1]["validation"]["loss"] == pytest.approx(trainer.evaluate(samples)["eval_loss"], rel=1e-4)
    assert all(torch.equal(value, weights(alone)[name]) for name, value in weights(watched).items())


def test_published_starts_the_body_lower_and_holds_the_head(tmp_path: Path) -> None:
    found = {}
    for hold in (0.0, 1.0):
        settings = {"body": 0.1, "hold": hold, "weight_decay": 1e-4}
        trainer = METHODS["published"](make_task(tmp_path, "published", settings=settings, rate=5e-3, steps=1))
        found[hold] = base_lrs(trainer.optimizer.optimizer)
        body = [rate for name, rate in found[hold].items() if name != "head"]
        assert all(2.5e-4 < rate < 1e-3 for rate in body)
        assert any(rate != pytest.approx(5e-4, rel=1e-9) for rate in body)
    assert found[1.0]["head"] == 5e-3 != found[0.0]["head"]


def test_published_can_judge_by_held_out_images_where_there_are_any(tmp_path: Path) -> None:
    settings = {"meta": "validation"}
    with pytest.raises(ValueError, match=r"one of the splits at hand, \['train'\]; found 'validation'"):
        METHODS["published"](make_task(tmp_path, "published", settings=settings))
    held_out = Images(make_split(8, seed=1), torch.full((3,), 127.5), torch.full((3,), 127.5), augment=True)
    rates = []
    for validation in (held_out, replace_labels(held_out)):
        task = replace(make_task(tmp_path, "published", settings=settings), validation=validation)
        rates.append(base_lrs(METHODS["published"](task).optimizer.optimizer))
    assert rates[0] != rates[1]


def replace_labels(samples: Images) -> Images:
    split = replace(samples.split, labels=samples.split.labels.roll(1))
    return Images(split, torch.full((3,), 127.5), torch.full((3,), 127.5), augment=True)


def test_first_last_moves_the_first_layer_group_and_the_head_only(tmp_path: Path) -> None:
    network = make_vit(dropout=0.0)
    before = weights(network)
    METHODS["first_last"](make_task(tmp_path, "first_last", network))
    moved = {name for name, value in weights(network).items() if not torch.equal(value, before[name])}
    assert any("embeddings" in name for name in moved)
    assert any("classifier" in name for name in moved)
    assert not any(".layer" in name for name in moved)
