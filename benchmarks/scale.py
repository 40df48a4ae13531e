"""How the cost of learned rates grows: measured for three sizes and one or two processes, modelled beyond.

    python -m benchmarks.scale --out benchmarks/results/scale

writes ``scale.jsonl`` (what was measured) and ``scale.md`` (with the predictions of `benchmarks.scale_model`).
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist
import transformers
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel
from transformers import ViTConfig, ViTForImageClassification

from benchmarks.scale_model import NETWORKS, PROCESSES, extra_bytes, extra_time, plain_step
from benchmarks.workloads import CLASSES, new_optimizer
from hf_metalr.engine import MetaLR, MetaLRConfig
from hf_metalr.tables import markdown_table

WIDTHS = {"5 M (width 192)": 192, "21 M (width 384)": 384, "86 M (width 768)": 768}
ESTIMATORS = ("next_batch", "lookahead")
BATCH, PIXELS, PATCH = 8, 64, 8
WARM_UP = 2


def measure(processes: int, width: int, rounds: int) -> dict[str, list[float]]:
    """Return the wall time of every counted step by method, of the slowest process."""
    with tempfile.TemporaryDirectory() as folder:
        spawn(_train, (processes, width, rounds, folder), nprocs=processes)
        times = [json.loads((Path(folder) / f"{rank}.json").read_text()) for rank in range(processes)]
    return {name: list(map(max, zip(*(own[name] for own in times), strict=True))) for name in times[0]}


def _train(rank: int, processes: int, width: int, rounds: int, folder: str) -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=processes)
    steps = {name: _new_step(name, width, rank, processes) for name in ("plain", *ESTIMATORS)}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(WARM_UP + rounds):
        for name, step in steps.items():
            dist.barrier()
            start = time.perf_counter()
            step()
            if turn >= WARM_UP:
                times[name].append(time.perf_counter() - start)
    (Path(folder) / f"{rank}.json").write_text(json.dumps(times))
    dist.destroy_process_group()


def _new_step(name: str, width: int, rank: int, processes: int) -> Callable[[], None]:
    torch.manual_seed(0)
    model = ViTForImageClassification(
        ViTConfig(
            image_size=PIXELS,
            patch_size=PATCH,
            hidden_size=width,
            num_hidden_layers=12,
            num_attention_heads=width // 64,
            intermediate_size=4 * width,
            num_labels=CLASSES,
        )
    ).train()
    optimizer = new_optimizer(model)
    wrapped: nn.Module = DistributedDataParallel(model) if processes > 1 else model
    draws = torch.Generator().manual_seed(rank)
    batch = {
        "pixel_values": torch.randn((BATCH, 3, PIXELS, PIXELS), generator=draws),
        "labels": torch.randint(CLASSES, (BATCH,), generator=draws),
    }

    def reduce_mean(values: Tensor) -> Tensor:
        dist.all_reduce(values)
        return values / processes

    if name != "plain":
        MetaLR(
            model,
            optimizer,
            lambda: model(**batch).loss,
            MetaLRConfig(estimator=name, lr_update="log_adam"),  # type: ignore[arg-type]
            reduce_mean=reduce_mean if processes > 1 else None,
            rank=rank,
        )
    return partial(_step, wrapped, optimizer, batch)


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: dict[str, Tensor]) -> None:
    model(**batch).loss.backward()
    optimizer.step()
    optimizer.zero_grad()


def page(rows: Sequence[dict]) -> str:
    """Return the tables in Markdown."""
    measured = markdown_table(
        ["parameters", "processes", "plain", *ESTIMATORS],
        [
            [row["size"], str(row["processes"]), f"{1000 * statistics.median(row['plain']):.0f} ms"]
            + [f"{_ratio(row, name):.2f} ×" for name in ESTIMATORS]
            for row in rows
        ],
    )
    predicted = markdown_table(
        ["network", "devices", "plain", *ESTIMATORS, "more memory, replicated", "more memory, sharded"],
        [
            [network.name, str(processes), f"{1000 * (plain := plain_step(network, processes)):.0f} ms"]
            + [f"{1 + extra_time(network, processes, name) / plain:.3f} ×" for name in ESTIMATORS]
            + [
                " / ".join(f"{extra_bytes(network, processes, name, sharded) / 1e9:.2g}" for name in ESTIMATORS) + " GB"
                for sharded in (False, True)
            ]
            for network in NETWORKS
            for processes in PROCESSES
        ],
    )
    return "\n\n".join(
        [
            "# Scale",
            "## Measured",
            f"ViT, 12 layers, {PIXELS} pixels, patches of {PATCH}, batches of {BATCH} per process, one thread each; "
            "bare loop, gloo. Median over steps of the ratio to the plain step of the same turn.",
            measured,
            "## Modelled, not measured: H100, bfloat16 compute, float32 parameters and optimizer",
            predicted,
        ]
    )


def _ratio(row: dict, name: str) -> float:
    return statistics.median(mine / plain for mine, plain in zip(row[name], row["plain"], strict=True))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="counted steps of each method")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    os.environ["OMP_NUM_THREADS"] = "1"
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for size, width in WIDTHS.items():
        for processes in options.processes:
            rows.append({"size": size, "processes": processes, **measure(processes, width, options.rounds)})
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (options.out / "scale.jsonl").write_text(text, encoding="utf-8")
            (options.out / "scale.md").write_text(page(rows) + "\n", encoding="utf-8")
    print(page(rows))


if __name__ == "__main__":
    main()
