"""Learned rates on one GPU: correctness, cost, and where the time goes.

    python -m benchmarks.gpu --out FOLDER           # made to take less than 8 minutes on an H100; not yet run on one
    python -m benchmarks.gpu --out FOLDER --smoke   # the same code on a CPU, with tiny models, in a minute

Needs torch and Transformers, no network: models are built from configurations with random weights. Triton is used where
it works. Each part is written to ``gpu.json`` as soon as it is done, the most telling first, and a part that fails says
so there and does not stop the others. `--parts trainer` alone imports accelerate and `datasets`.
"""

import argparse
import json
import platform
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import transformers

# Each names a module of this folder with `run(options) -> JSON-ready rows`; imported late, for what one needs.
PARTS = ("correctness", "cost", "profile", "trainer")


def main() -> None:
    """Run the parts that are asked for, and write what each found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--smoke", action="store_true", help="tiny models, few steps, on a CPU where there is no GPU")
    parser.add_argument("--seconds", type=float, default=440, help="begin no further workload after so many seconds")
    options = parser.parse_args()
    options.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if options.device.type == "cpu" and not options.smoke:
        parser.error("no GPU is found; --smoke runs the same code with tiny models on a CPU.")
    transformers.logging.set_verbosity_error()
    started = time.monotonic()
    options.time_left = lambda: options.seconds - (time.monotonic() - started)
    results: dict[str, Any] = {"environment": _environment(options)}
    options.out.mkdir(parents=True, exist_ok=True)
    for part in options.parts:
        results[part] = _attempt(lambda part=part: import_module(f"benchmarks.gpu.{part}").run(options))
        results["environment"]["seconds"] = round(time.monotonic() - started, 1)
        (options.out / "gpu.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        print(f"## {part}\n" + json.dumps(results[part], indent=1), flush=True)


def _attempt(run: Callable[[], Any]) -> Any:
    try:
        return run()
    except Exception:  # noqa: BLE001 - the parts after it are worth having, and the report has the traceback
        return {"failed": traceback.format_exc()}


def _environment(options: argparse.Namespace) -> dict[str, Any]:
    try:
        triton = import_module("triton").__version__
    except ImportError:
        triton = None
    on_gpu = options.device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name() if on_gpu else platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "triton": triton,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
        "smoke": options.smoke,
    }


if __name__ == "__main__":
    main()
