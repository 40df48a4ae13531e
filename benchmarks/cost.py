"""What learned rates cost: time per training step and peak memory, relative to plain training.

    python -m benchmarks.cost

writes ``cost.jsonl`` (every figure) and ``cost.md`` (the tables) into ``benchmarks/results``.
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
import transformers

from benchmarks import loops, report, trainers
from benchmarks.in_turns import Pace, Training, time_in_turns
from benchmarks.peak_memory import peak_tensor_bytes
from benchmarks.workloads import MODELS, Workload

RESULTS = Path(__file__).parent / "results"
BASELINE = "plain"
# glibc hands freed memory back to the system and faults it in again, as its heap happens to lie: a tenth of a step, by
# chance in one method and not in another. Keeping it compares the methods.
STEADY_HEAP = {
    "MALLOC_TRIM_THRESHOLD_": "8000000000",
    "MALLOC_TOP_PAD_": "67108864",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
}
# The first meta step of `next_batch` comes with the second step.
WARM_UP_STEPS = 2
# Past the first meta step of every method.
STEPS_OF_MEMORY_TRACE = 6


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the results."""
    options = _parse(argv)
    os.environ |= STEADY_HEAP  # for the processes that are about to start
    rows = [_environment(options)]
    for model_name in options.models:
        for batch_size in options.batch_sizes:
            workload = Workload(model_name, batch_size, options.pixels)
            for part in options.parts:
                new = PARTS[part](workload, options)
                rows += [{"part": part, "model": model_name, "batch_size": batch_size} | row for row in new]
                print(report.table(rows[-len(new) :]), flush=True)
                _write(rows, options.out)  # so that a run that is stopped keeps what it has measured


def _write(rows: list[dict], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cost.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "cost.md").write_text(report.page(rows), encoding="utf-8")


def time_loops(workload: Workload, options: argparse.Namespace) -> list[dict]:
    """Time each method's step in a bare PyTorch loop."""
    return _ratios({name: partial(_train_in_loop, name, workload) for name in options.methods}, options)


def time_trainers(workload: Workload, options: argparse.Namespace) -> list[dict]:
    """Time each method's step inside the Trainer."""
    methods = [name for name in options.methods if name in trainers.METHODS]
    return _ratios({name: partial(_train_in_trainer, name, workload) for name in methods}, options)


def trace_memory(workload: Workload, options: argparse.Namespace) -> list[dict]:
    """Measure each method's peak memory, in a process of its own; exact, so once."""
    os.environ["KINETO_LOG_LEVEL"] = "99"  # the profiler announces itself on every use
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        peaks = pool.starmap(_peak, [(name, workload) for name in options.methods], chunksize=1)
    copy = sum(parameter.nbytes for parameter in workload.new_model().parameters() if parameter.requires_grad)
    return [
        {"method": name, "peak_bytes": peak, "trainable_bytes": copy, "extra_copies": (peak - peaks[0]) / copy}
        for name, peak in zip(options.methods, peaks, strict=True)
    ]


PARTS: dict[str, Callable[[Workload, argparse.Namespace], list[dict]]] = {
    "loop": time_loops,
    "trainer": time_trainers,
    "memory": trace_memory,
}


def _peak(method: str, workload: Workload) -> int:
    _use_one_thread()
    next(workload.batches())  # the data exist before the trace begins

    def train() -> loops.Step:
        step = loops.METHODS[method](workload)
        for _ in range(STEPS_OF_MEMORY_TRACE):
            step()
        return step

    return peak_tensor_bytes(train)


def _train_in_loop(method: str, workload: Workload, pace: Pace) -> None:
    _use_one_thread()
    step = loops.METHODS[method](workload)
    while True:
        step()
        pace()


def _train_in_trainer(method: str, workload: Workload, pace: Pace) -> None:
    _use_one_thread()
    trainers.METHODS[method](workload, pace)


def _use_one_thread() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()


def _ratios(trainings: dict[str, Training], options: argparse.Namespace) -> list[dict]:
    """Compare each method with the baseline of the same round: what disturbs a round disturbs all its methods."""
    steps = time_in_turns(trainings, options.rounds * options.steps, WARM_UP_STEPS)
    times = {name: _means(seconds, options.steps) for name, seconds in steps.items()}
    rows = []
    for name in times:
        ratios = [mine / plain for mine, plain in zip(times[name], times[BASELINE], strict=True)]
        rows.append(
            {
                "method": name,
                "milliseconds": 1000 * statistics.median(times[name]),
                "ratio": statistics.median(ratios),
                "ratio_min": min(ratios),
                "ratio_max": max(ratios),
                "rounds": options.rounds,
            }
        )
    return rows


def _means(values: Sequence[float], size: int) -> list[float]:
    """Return the mean of every ``size`` values in a row."""
    return [statistics.mean(values[start : start + size]) for start in range(0, len(values), size)]


def _environment(options: argparse.Namespace) -> dict:
    return {
        "part": "environment",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "rounds": options.rounds,
        "steps_per_round": options.steps,
        "pixels": options.pixels,
    }


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[8, 32])
    parser.add_argument("--methods", nargs="+", choices=loops.METHODS, default=list(loops.METHODS))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--pixels", type=int, default=224, help="side of the images")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5, help="steps per round")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(argv)
    options.methods = [BASELINE, *(name for name in options.methods if name != BASELINE)]
    return options


if __name__ == "__main__":
    main()
