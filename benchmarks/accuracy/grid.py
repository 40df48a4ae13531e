"""Grids of cells: read from a file, run side by side, each result stored when it is there.

Run: python -m benchmarks.accuracy.grid benchmarks/accuracy/grids/first-look.yaml --assets FOLDER …
"""

import argparse
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from benchmarks.accuracy.assets import Assets, parse_folders
from benchmarks.accuracy.cell import Cell
from benchmarks.accuracy.store import Store, open_store

RESULTS = Path(__file__).parents[1] / "results" / "accuracy"


def read_grid(path: Path) -> list[Cell]:
    """Return the cells of a grid file, in the order in which they run, each once.

    The file holds ``blocks``; a block is a mapping from the entries of `Cell` to a value or a list of values, whose
    product is taken, the entry named first varying slowest. ``method`` may be a mapping of entries, so that settings
    and rates go with the method they belong to.
    """
    blocks = yaml.safe_load(path.read_text(encoding="utf-8"))["blocks"]
    cells = {cell.key: cell for block in blocks for cell in _product(block)}
    return list(cells.values())


def _product(block: Mapping[str, Any]) -> Iterator[Cell]:
    choices = {name: values if isinstance(values, list) else [values] for name, values in block.items()}
    for combination in product(*choices.values()):
        entries = dict(zip(choices, combination, strict=True))
        method = entries["method"]
        if isinstance(method, Mapping):
            inner = {"method": method["name"], **{name: value for name, value in method.items() if name != "name"}}
            rest = {name: value for name, value in entries.items() if name != "method"}
            yield from _product(rest | inner)
        else:
            yield Cell.from_dict(entries)


def run_grid(cells: list[Cell], store: Store, assets: Assets, workers: int) -> None:
    """Run the cells whose results are not there yet."""
    todo = [cell for cell in cells if cell.key not in store.keys]
    print(f"{len(cells)} cells, {len(cells) - len(todo)} of them done; {store.path}", flush=True)
    start, failed = time.perf_counter(), 0
    for count, (cell, result) in enumerate(_results(todo, assets, workers), start=1):
        if isinstance(result, Exception):
            failed += 1
            print(f"{count}/{len(todo)} {describe(cell.to_dict())} failed: {result!r}", flush=True)
            continue
        store.append(result)
        score, hours = result["validation"]["balanced_accuracy"], (time.perf_counter() - start) / 3600
        left = hours / count * (len(todo) - count)
        print(f"{count}/{len(todo)} {describe(result['cell'])}: {score:.3f}, {left:.2f} h left", flush=True)
    if failed:
        raise SystemExit(f"{failed} of {len(todo)} cells failed; the others are in {store.path}.")


Result = dict[str, Any] | Exception


def _results(cells: list[Cell], assets: Assets, workers: int) -> Iterator[tuple[Cell, Result]]:
    """Yield every cell with its result, or with what went wrong: one bad cell must not cost the others' results."""
    if workers == 1:
        for cell in cells:
            try:
                yield cell, _work(cell, assets)
            except Exception as error:  # noqa: BLE001 - whatever it was, it is reported at the end
                yield cell, error
        return
    # Spawned, so that the thread settings of `_work` are there before a worker imports torch.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(_work, cell, assets): cell for cell in cells}
        for future in as_completed(futures):
            error = future.exception()
            yield futures[future], error if isinstance(error, Exception) else future.result()


def describe(cell: Mapping[str, Any]) -> str:
    """Return a cell in one line."""
    start = "pre-trained" if cell["pretrained"] else "random"
    settings = ",".join(f"{name}={value}" for name, value in cell["settings"].items())
    method = cell["method"] + (f"({settings})" if settings else "")
    return f"{cell['dataset']}-{cell['size']} {start} {cell['backbone']} {method} {cell['rate']} seed {cell['seed']}"


def _work(cell: Cell, assets: Assets) -> dict[str, Any]:
    # Read when torch is imported, which happens here: a parent of workers only waits and writes.
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    from benchmarks.accuracy.run_cell import run_cell, set_up_worker

    set_up_worker()
    return run_cell(cell, assets)


def main(argv: list[str] | None = None) -> None:
    """Run a grid from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grid", type=Path, help="YAML file of the grid")
    parser.add_argument("--assets", nargs="*", default=[], help="folders with image sets and networks")
    parser.add_argument("--cache", type=Path, default=Assets.cache, help="where decoded images are kept")
    parser.add_argument("--out", type=Path, help="JSON lines; by default in benchmarks/results/accuracy/")
    parser.add_argument(
        "--workers", type=int, default=2, help="runs side by side, one core each; 1 runs in this process"
    )
    options = parser.parse_args(argv)
    assets = Assets(parse_folders(options.assets), options.cache.resolve())
    out = options.out or RESULTS / f"{options.grid.stem}.jsonl"
    with open_store(out) as store:
        run_grid(read_grid(options.grid), store, assets, options.workers)


if __name__ == "__main__":
    main()
