"""The features of one backbone for all samples: from the cache, or from one forward pass shared among processes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from hf_metalr.errors import InputError
from hf_metalr.features import pooled_features
from hf_metalr.ranking.cache import cache_path, read_features, weights_hash, write_features
from hf_metalr.ranking.parallel import gather_results, own_part, process_state, progress
from hf_metalr.ranking.processors import Inputs
from hf_metalr.ranking.scored_rows import ScoredRows
from hf_metalr.ranking.sources import Backbone

# Beside the names of layers.
SOURCE_PROBABILITIES = "source_probabilities"


def extract_features(
    backbone: Backbone, samples: ScoredRows, batch_size: int, cache_dir: Path | None
) -> dict[str, Tensor]:
    """Return the (N, D) features of each layer, and where there is a source head its (N, Z) probabilities.

    Processes take whole batches, so that any number of them computes the same batches and the same features.

    Raises:
        InputError: an input cannot be read, or features are not finite.
    """
    path, parts = _cache_file(backbone, samples, batch_size, cache_dir)
    stored = read_features(path, parts, len(samples)) if path else None
    if all(gather_results(lambda: stored is not None)):  # were some to compute and some not, they would wait for ever
        assert stored is not None
        return stored
    starts = own_part(range(0, len(samples), batch_size))
    shards = gather_results(lambda: _forward(backbone, samples, starts, batch_size))
    names = list(next(shard for shard in shards if shard))
    features = {name: torch.cat([shard[name] for shard in shards if shard]) for name in names}
    bad = [name for name, feature in features.items() if not torch.isfinite(feature).all()]
    if bad:
        raise InputError(
            "models",
            f"{backbone.name!r} has features that are not finite, first in {bad[0]!r}. Compute them in "
            "float32, without `dtype`.",
        )
    if path and process_state().is_main_process:
        write_features(path, parts, features)
    return features


def _cache_file(
    backbone: Backbone, samples: ScoredRows, batch_size: int, folder: Path | None
) -> tuple[Path | None, dict[str, Any]]:
    """None where nothing tells a change: of a processor that is a function, or of a plain module's forward pass."""
    if folder is None or backbone.processor_key is None or not isinstance(backbone.model, PreTrainedModel):
        return None, {}
    config: Any = getattr(backbone.model, "config", None)
    parts = {
        "weights": weights_hash(backbone.model),
        "config": config.to_json_string() if hasattr(config, "to_json_string") else "",
        "data": samples.fingerprint,
        "processor": backbone.processor_key,
        "source_head": backbone.has_source_head,
        "batch_size": batch_size if samples.modality == "text" else 0,  # texts are padded to the longest of their batch
    }
    return cache_path(folder, parts), parts


def _forward(backbone: Backbone, samples: ScoredRows, starts: Sequence[int], batch_size: int) -> dict[str, Tensor]:
    if not starts:
        return {}

    def batches() -> Iterator[Inputs]:
        for start in progress(starts, backbone.name):
            yield backbone.prepare(samples.batch(start, min(start + batch_size, len(samples))))

    probabilities: list[Tensor] = []

    def keep_probabilities(module: nn.Module, args: object, output: Any) -> None:
        probabilities.append(output.logits.float().softmax(dim=-1).cpu())

    hook = backbone.model.register_forward_hook(keep_probabilities) if backbone.has_source_head else None
    try:
        with _on_device(backbone.model, process_state().device):
            features = pooled_features(backbone.model, batches())
    finally:
        if hook is not None:
            hook.remove()
    return features | ({SOURCE_PROBABILITIES: torch.cat(probabilities)} if probabilities else {})


@contextmanager
def _on_device(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Put a model on the device, and back where it was."""
    before = next((parameter.device for parameter in model.parameters()), device)
    model.to(device)
    try:
        yield
    finally:
        model.to(before)
