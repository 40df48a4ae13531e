"""What a bug report should say about the machine: versions, devices, number types. Nothing that names a person."""

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = (
    "hf-metalr",
    "torch",
    "transformers",
    "accelerate",
    "datasets",
    "evaluate",
    "huggingface-hub",
    "safetensors",
    "numpy",
    "scikit-learn",
    "pillow",
    "matplotlib",
    "peft",
    "trl",
    "bitsandbytes",
    "torchvision",
    "tensorboard",
    "trackio",
)
# Variables that change how training runs. Their values are short words or numbers; anything else is not shown.
VARIABLES = (
    "ACCELERATE_USE_CPU",
    "CUDA_VISIBLE_DEVICES",
    "HF_HUB_DISABLE_XET",
    "HF_HUB_OFFLINE",
    "OMP_NUM_THREADS",
    "PYTORCH_ENABLE_MPS_FALLBACK",
    "TOKENIZERS_PARALLELISM",
    "WORLD_SIZE",
)
_HARMLESS = re.compile(r"[0-9,]{1,40}|(?i:true|false|on|off|yes|no)")
_DTYPES = ("bfloat16", "float16", "float64")


def describe_environment() -> dict[str, Any]:
    """Return what a bug report should say, as plain JSON values: no path, no token, no name of user or machine.

    >>> sorted(describe_environment())
    ['devices', 'packages', 'python', 'system', 'variables']
    """
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "packages": {name: _version(name) for name in PACKAGES},
        "devices": _devices(),
        "variables": {name: _shown(os.environ[name]) for name in VARIABLES if name in os.environ},
    }


def environment_lines(found: dict[str, Any]) -> str:
    """Return what `describe_environment` found as lines of a name and a value."""
    rows = {name: number or "not installed" for name, number in found["packages"].items()}
    rows |= {"python": found["python"], "system": found["system"]}
    for device in found["devices"]:
        works = [dtype for dtype, multiplies in device["dtypes"].items() if multiplies]
        rows[device["device"]] = f"{device['name']}; besides float32: {', '.join(works) or 'nothing'}"
    rows |= found["variables"]
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _shown(value: str) -> str:
    return value if _HARMLESS.fullmatch(value) else "(set)"


def _devices() -> list[dict[str, Any]]:
    import torch

    cores = os.cpu_count() or 1
    devices: list[dict[str, Any]] = [{"device": "cpu", "name": f"{cores} cores, {torch.get_num_threads()} threads"}]
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        size = f"{properties.total_memory / 2**30:.0f} GiB"
        devices.append({"device": f"cuda:{index}", "name": f"{properties.name}, {size}, CUDA {torch.version.cuda}"})
    if torch.backends.mps.is_available():
        devices.append({"device": "mps", "name": "Apple GPU"})
    for device in devices:
        device["dtypes"] = {name: _multiplies(device["device"], name) for name in _DTYPES}
    return devices


def _multiplies(device: str, dtype: str) -> bool:
    """Return whether a device multiplies matrices of a number type; asked by doing it."""
    import torch

    try:
        matrix = torch.ones(8, 8, device=device, dtype=getattr(torch, dtype))
        return bool((matrix @ matrix == 8).all())
    except (RuntimeError, TypeError):
        return False
