"""Starting real training processes and reading what they wrote."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[2]


def launch(output_dir: Path, processes: int, **settings: Any) -> list[dict[str, Any]]:
    """Run `worker.py` on some processes; return each rank's result, with its weights under "weights"."""
    output_dir.mkdir(parents=True, exist_ok=True)
    module = ["-m", "tests.parallel.worker", str(output_dir), json.dumps(settings)]
    if processes > 1:
        module = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}", *module]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, *module], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = []
    for rank in range(processes):
        result = json.loads((output_dir / f"rank-{rank}.json").read_text())
        assert result["world_size"] == result["backend_world_size"] == processes  # a hollow launch trains alone
        result["weights"] = torch.load(output_dir / f"rank-{rank}.pt", weights_only=True)
        results.append(result)
    return results
