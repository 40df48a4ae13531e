"""Pooled features kept on disk: one safetensors file per backbone, data set, processor and precision."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hf_metalr.outputs import write_files

logger = logging.getLogger(__name__)

# Raised when the meaning of the stored features changes.
FORMAT = 1


def weights_hash(model: nn.Module) -> str:
    """Return a hash of all parameters and buffers, their names and dtypes, and the class of the model."""
    digest = hashlib.sha256(type(model).__qualname__.encode())
    for name, tensor in model.state_dict().items():
        if isinstance(tensor, Tensor):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def cache_path(folder: Path, parts: dict[str, Any]) -> Path:
    """Return the file for features that depend on these parts; whatever changes one of them changes the file."""
    return folder / f"features-{_hash(parts)[:32]}.safetensors"


def read_features(path: Path, parts: dict[str, Any], samples: int) -> dict[str, Tensor] | None:
    """Return the stored features, or None where there are none. A damaged or foreign file is passed over with a
    warning, and replaced when the features are written.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            features = {name: file.get_tensor(name) for name in json.loads(metadata.get("names", "[]"))}
    except (SafetensorError, OSError, ValueError) as error:
        _warn(path, str(error))
        return None
    if metadata.get("key") != _hash(parts):
        _warn(path, "it was made from something else")
        return None
    if not features or any(
        f.ndim != 2 or len(f) != samples or f.dtype != torch.float32 or not torch.isfinite(f).all()
        for f in features.values()
    ):
        _warn(path, "its tensors are not one finite row per sample")
        return None
    return features


def write_features(path: Path, parts: dict[str, Any], features: dict[str, Tensor]) -> None:
    """Write the features; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"key": _hash(parts), "names": json.dumps(list(features))}
    stored = {name: feature.contiguous() for name, feature in features.items()}
    write_files({path: lambda place: save_file(stored, place, metadata)})


def _hash(parts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps({"format": FORMAT, **parts}, sort_keys=True).encode()).hexdigest()


def _warn(path: Path, reason: str) -> None:
    logger.warning("The cached features in %s are computed anew: %s.", path, reason)
