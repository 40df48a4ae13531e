"""The initial rate of LoRA's factors: what moves the adapted weights as far as they bear.

LoRA (Hu et al. 2021, arXiv 2106.09685) adds ``scaling · B A`` to a frozen matrix, with B at zero and A drawn at random;
on embeddings it is the other way round. A step of size ``α`` of every entry of B moves an entry of the product by about
``α · scaling · √r · rms(A)``, a sum of r terms whose signs differ. So that the first steps move it in proportion to the
bound of the weights' trust region:

    α = LORA_STEPS ρ_max s / (scaling √r rms(A))

The product of two factors can be undone by either, and bears more than the weights themselves: `LORA_STEPS`.
"""

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from torch import Tensor, nn

from hf_metalr.equations import relative_bounds, weight_size
from hf_metalr.layer_groups import LayerGroup
from hf_metalr.layer_groups.parameter_names import is_adapter

# Judged on validation splits of two networks alone (benchmarks/accuracy/NOTES.md, section 9).
LORA_STEPS = 5.0
_FACTORS = (("lora_A", "lora_B"), ("lora_embedding_A", "lora_embedding_B"))


def lora_rates(model: nn.Module, layer_groups: Sequence[LayerGroup]) -> dict[str, float]:
    """Return the initial rate of every layer group that holds LoRA factors: the median over its matrices.

    Nothing where the model has none, or no adapted weights in floating point that tell a size (quantised ones do not).
    """
    groups = {group.name: list(_movements(model, group.parameter_names)) for group in layer_groups}
    groups = {name: found for name, found in groups.items() if found}
    heads = {name for group in layer_groups if group.is_head for name in group.parameter_names}
    if not groups or (size := weight_size(_adapted(model, heads))) is None:
        return {}
    step = LORA_STEPS * relative_bounds(size).high
    return {name: step / median(found) for name, found in groups.items()}


def _movements(model: nn.Module, names: Sequence[str]) -> Iterator[float]:
    """By how much an entry of each product moves for a step of size 1 of the factor that is zero, mostly B."""
    for name in names:
        for one, other in _FACTORS:
            path, factor, rest = name.partition(f".{one}.")
            if factor:
                layer: Any = model.get_submodule(path)
                adapter = rest.partition(".")[0]
                factors = (model.get_parameter(name), model.get_parameter(name.replace(factor, f".{other}.")))
                size = max(map(_root_mean_square, factors))
                if size > 0:
                    yield size * float(layer.scaling[adapter]) * math.sqrt(layer.r[adapter])


def _adapted(model: nn.Module, heads: set[str]) -> Iterator[Tensor]:
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and parameter.is_floating_point() and not is_adapter(name) and name not in heads:
            yield parameter


def _root_mean_square(tensor: Tensor) -> float:
    return tensor.detach().float().square().mean().sqrt().item()
