"""Run the folds of a grid: at fold 0 every rate of every method, at the others the rate that fold 0 chose.

Run: python -m benchmarks.accuracy.paper.run --assets FOLDER …

A rate is chosen by the validation accuracy of fold 0's chosen epoch. That validation split is the test split of fold 1,
so that the methods which choose a rate have seen a little of one fold in five; the methods that have one rate have not.
"""

import argparse
import math
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from benchmarks.accuracy.assets import Assets, parse_folders
from benchmarks.accuracy.cell import Cell
from benchmarks.accuracy.grid import RESULTS, describe, read_grid
from benchmarks.accuracy.paper.choice import chosen_cells
from benchmarks.accuracy.store import Store, open_store, read_results

GRID = Path(__file__).parents[1] / "grids" / "paper.yaml"


@dataclass(frozen=True)
class Plan:
    """What the grid file says beside its cells: number of folds, the seed that draws them, and epochs of training."""

    folds: int
    fold_seed: int
    epochs: int


@dataclass(frozen=True)
class FoldRun:
    """One training run: a cell, without its number of steps, at one fold of a plan."""

    cell: Cell
    plan: Plan
    fold: int

    @property
    def key(self) -> str:
        """Hash of everything that decides the result."""
        return f"{self.cell.key}-{self.plan.epochs}-{self.plan.fold_seed}-{self.fold}of{self.plan.folds}"


def read_plan(path: Path) -> tuple[Plan, list[Cell]]:
    """Return the plan and the cells of a grid file."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Plan(entries["folds"], entries["fold_seed"], entries["epochs"]), read_grid(path)


def run_fold(run: FoldRun, assets: Assets) -> dict[str, Any]:
    """Train one run and return its result: ``epochs`` holds the scores on validation and test after each of
    them, ``seconds`` the processor time of training and evaluation."""
    from transformers import set_seed

    from benchmarks.accuracy.backbones import make_network, make_samples
    from benchmarks.accuracy.methods import METHODS
    from benchmarks.accuracy.paper.epochs import EpochScores
    from benchmarks.accuracy.paper.folds import split_at_fold
    from benchmarks.accuracy.run_cell import Metrics
    from benchmarks.accuracy.task import Task

    cell, plan = run.cell, run.plan
    pool, numbers = _pool(cell.backbone, cell.dataset, plan, assets)
    splits = split_at_fold(pool, numbers, run.fold)
    cell = replace(cell, steps=plan.epochs * math.ceil(len(splits["train"]) / cell.batch))
    network = make_network(cell.backbone, int(pool.labels.max()) + 1, cell.pretrained, cell.seed, assets)
    plain = {name: make_samples(cell.backbone, split, augment=False) for name, split in splits.items()}
    metrics = Metrics()
    scores = EpochScores(network, {name: plain[name] for name in ("validation", "test")}, metrics)
    with tempfile.TemporaryDirectory() as folder:
        train = make_samples(cell.backbone, splits["train"], augment=True)
        task = Task(cell, network, train, metrics, folder, plain["validation"], (scores,))
        set_seed(cell.seed)
        start = time.process_time()
        METHODS[cell.method](task)
        seconds = time.process_time() - start  # of one thread, which other programs disturb less than wall time
    result: dict[str, Any] = {"key": run.key, "cell": run.cell.to_dict(), "fold": run.fold, "steps": cell.steps}
    sizes = {name: len(split) for name, split in splits.items()}
    return result | {
        "epochs": scores.rows,
        "images": sizes,
        "seconds": round(seconds, 2),
        "diverged": metrics.diverged,
    }


@lru_cache(maxsize=2)
def _pool(backbone: str, dataset: str, plan: Plan, assets: Assets) -> tuple[Any, Any]:
    from benchmarks.accuracy.backbones import load_splits
    from benchmarks.accuracy.paper.folds import fold_numbers, pooled

    pool = pooled(load_splits(backbone, dataset, assets).values())
    return pool, fold_numbers(pool, plan.folds, plan.fold_seed)


def run_plan(plan: Plan, cells: Sequence[Cell], store: Store, assets: Assets, workers: int) -> None:
    """Run fold 0 at every rate, then the other folds at the chosen ones."""
    _run([FoldRun(cell, plan, 0) for cell in cells], store, assets, workers)
    chosen = chosen_cells(cells, read_results(store.path))
    _run([FoldRun(cell, plan, fold) for fold in range(1, plan.folds) for cell in chosen], store, assets, workers)


def _run(runs: Sequence[FoldRun], store: Store, assets: Assets, workers: int) -> None:
    todo = [run for run in runs if run.key not in store.keys]
    failed = 0
    for count, (run, result) in enumerate(_results(todo, assets, workers), start=1):
        name = f"{count}/{len(todo)} fold {run.fold}: {describe(run.cell.to_dict())}"
        if isinstance(result, Exception):
            failed += 1
            print(f"{name} failed: {result!r}", flush=True)
            continue
        store.append(result)
        print(f"{name}: {result['seconds']:.0f} s", flush=True)
    if failed:
        raise SystemExit(f"{failed} of {len(todo)} runs failed; the others are in {store.path}.")


def _results(
    runs: Sequence[FoldRun], assets: Assets, workers: int
) -> Iterator[tuple[FoldRun, dict[str, Any] | Exception]]:
    """Yield every run with its result, or with what went wrong: one bad run must not cost the others' results."""
    # Spawned, so that the thread settings of `_work` are there before a worker imports torch.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(_work, run, assets): run for run in runs}
        for future in as_completed(futures):
            error = future.exception()
            yield futures[future], error if isinstance(error, Exception) else future.result()


def _work(run: FoldRun, assets: Assets) -> dict[str, Any]:
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    from benchmarks.accuracy.run_cell import set_up_worker

    set_up_worker()
    return run_fold(run, assets)


def main(argv: list[str] | None = None) -> None:
    """Run the experiment from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grid", type=Path, default=GRID, help="YAML file of the grid")
    parser.add_argument("--assets", nargs="*", default=[], help="folders with image sets and networks")
    parser.add_argument("--cache", type=Path, default=Assets.cache, help="where decoded images are kept")
    parser.add_argument("--out", type=Path, help="JSON lines; by default in benchmarks/results/accuracy/")
    parser.add_argument("--workers", type=int, default=1, help="runs side by side, one core each")
    parser.add_argument("--epochs", type=int, help="instead of the grid's, for a trial")
    parser.add_argument("--only-fold-0", action="store_true", help="stop before the other folds")
    options = parser.parse_args(argv)
    assets = Assets(parse_folders(options.assets), options.cache.resolve())
    plan, cells = read_plan(options.grid)
    plan = replace(plan, epochs=options.epochs or plan.epochs)
    with open_store(options.out or RESULTS / f"{options.grid.stem}.jsonl") as store:
        if options.only_fold_0:
            _run([FoldRun(cell, plan, 0) for cell in cells], store, assets, options.workers)
        else:
            run_plan(plan, cells, store, assets, options.workers)


if __name__ == "__main__":
    main()
