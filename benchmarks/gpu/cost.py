"""What a step with learned rates takes, against a plain step of a bare loop: in turns, with CUDA events."""

import argparse
import gc
import statistics
import time
from typing import Any

import torch

from benchmarks.gpu.models import Workload, workloads
from benchmarks.gpu.steps import METHODS, Steps

PERIOD = 10  # steps of a turn: what meta_every=10 does once in it is spread over them


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a row for every workload and method."""
    rows = []
    for workload in workloads(options):
        if options.time_left() < 60:
            rows.append({"workload": workload.name, "left_out": "no time left"})
            continue
        rows += _measured(workload, options)
        gc.collect()
        if options.device.type == "cuda":
            torch.cuda.empty_cache()
    return rows


def _measured(workload: Workload, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Time every method in turns, on the same weights.

    Plain training has an optimizer of its own, as it would: one whose param groups are split by layer group starts more
    kernels, which is part of what learned rates cost. Both are held all the time, so that peaks compare.
    """
    model, batch = workload.make(options.device)
    plain, learned = (Steps(model, batch, name) for name in list(METHODS)[:2])
    for steps in (plain, learned):
        for _ in range(1 if options.smoke else 3):
            steps()
    learned.engine.detach()
    turns = 1 if options.smoke else 5
    period = 2 if options.smoke else PERIOD
    times: dict[str, list[float]] = {name: [] for name in METHODS}
    peaks: dict[str, float] = {}
    for _ in range(turns):
        for name in METHODS:
            steps = Steps(model, batch, name, (plain if name == "plain" else learned).optimizer)
            for _ in range(2):  # kernels, the anchor, the first displacement
                steps()
            if options.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            times[name].append(_seconds(steps, period, options.device) / period)
            if options.device.type == "cuda":
                peaks[name] = torch.cuda.max_memory_allocated() / 1e9
            if steps.engine is not None:
                steps.engine.detach()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {
            "workload": workload.name,
            "trained_parameters": sum(parameter.numel() for parameter in trained),
            "tensors": len(trained),
            "method": name,
            "milliseconds": round(1000 * statistics.median(times[name]), 3),
            "ratios": [round(mine / other, 4) for mine, other in zip(times[name], times["plain"], strict=True)],
            "ratio": round(statistics.median(map(float.__truediv__, times[name], times["plain"])), 4),
            "extra_gigabytes": round(peaks.get(name, 0.0) - peaks.get("plain", 0.0), 3),
        }
        for name in METHODS
    ]


def _seconds(steps: Steps, count: int, device: torch.device) -> float:
    if device.type != "cuda":
        began = time.perf_counter()
        for _ in range(count):
            steps()
        return time.perf_counter() - began
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    first.record()
    for _ in range(count):
        steps()
    last.record()
    torch.cuda.synchronize()
    return first.elapsed_time(last) / 1000
