"""Starting real training processes and reading what they wrote."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from tests.patience import HANGS

ROOT = Path(__file__).resolve().parents[2]


def accelerate_launch(processes: int) -> list[str]:
    """Return Python's arguments that start so many processes through accelerate.

    `--cpu` of accelerate starts a single process. `--multi_gpu` starts them all, which find no GPU and use gloo.
    """
    port = _free_port()  # accelerate 1.3 takes port 0, any free one, by its word, and waits for ever
    shape = [f"--num_processes={processes}", "--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no"]
    return ["-m", "accelerate.commands.launch", "--multi_gpu", *shape, f"--main_process_port={port}"]


def _free_port() -> int:
    """A port that nobody has taken, and that nobody gets who asks for any before it is listened at.

    The system gives those from 32768 on, also to the many connections of tests beside this one.
    """
    ports = range(20000 + os.getpid() % 10000, 32768)
    for port in ports:
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port among {ports}")


def launch(
    output_dir: Path, processes: int, scenarios: dict[str, dict], accelerate: bool = False
) -> dict[str, list[dict[str, Any]]]:
    """Run `worker.py` on some processes; return each scenario's results by rank, with weights under "weights"."""
    output_dir.mkdir(parents=True, exist_ok=True)
    start(processes, "tests.parallel.worker", str(output_dir), json.dumps(scenarios), accelerate=accelerate)
    return {name: [_read(output_dir / name, rank, processes) for rank in range(processes)] for name in scenarios}


def start(processes: int, module: str, *arguments: str, accelerate: bool = False) -> None:
    """Run a module on some processes, more than one through torchrun or accelerate, and wait until all end well."""
    command = ["-m", module, *arguments]
    if accelerate:
        command = [*accelerate_launch(processes), *command]
    elif processes > 1:
        command = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}", *command]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def _read(folder: Path, rank: int, processes: int) -> dict[str, Any]:
    result = json.loads((folder / f"rank-{rank}.json").read_text())
    assert result["world_size"] == result["backend_world_size"] == processes  # a hollow launch trains alone
    return result | {"weights": torch.load(folder / f"rank-{rank}.pt", weights_only=True)}
