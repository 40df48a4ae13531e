"""Where the time of a meta step goes: the profiler's table of the first workload, by kernel."""

import argparse
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.models import workloads
from benchmarks.gpu.steps import METHODS, Steps

STEPS = 5
ROWS = 25


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return, for every method, how many kernels a step launches and the costliest operations."""
    model, batch = workloads(options)[0].make(options.device)
    on_gpu = options.device.type == "cuda"
    rows = []
    for method in list(METHODS)[:3]:
        steps = Steps(model, batch, method)
        for _ in range(3):
            steps()
        activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if on_gpu else [])
        with profile(activities=activities) as recorded:
            for _ in range(STEPS):
                steps()
            if on_gpu:
                torch.cuda.synchronize()
        events = recorded.key_averages()
        order = "self_device_time_total" if on_gpu else "self_cpu_time_total"
        launched = sum(event.count for event in events if "LaunchKernel" in event.key)
        rows.append(
            {
                "method": method,
                "launches_per_step": launched / STEPS,
                "host_milliseconds_of_the_hook": _host(events),
                "table": events.table(sort_by=order, row_limit=ROWS, max_name_column_width=60).splitlines(),
            }
        )
        if steps.engine is not None:
            steps.engine.detach()
    return rows


def _host(events: Any) -> float:
    """Host time of ``optimizer.step`` per step, learned rates included."""
    return sum(event.cpu_time_total for event in events if event.key.startswith("Optimizer.step")) / STEPS / 1000
