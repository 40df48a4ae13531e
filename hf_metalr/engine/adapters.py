"""The initial rate of LoRA's factors: what moves the adapted weights as far as they bear.

LoRA (Hu et al. 2021, arXiv 2106.09685) adds ``scaling · B A`` to a frozen matrix, with B at zero and A drawn at
random. A step of size ``α`` of every entry of B moves an entry of the product by about ``α · scaling · √r · rms(A)``,
a sum of r terms whose signs differ. So that the first steps move it in proportion to the bound of the weights' trust
region:

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
_FACTOR = ".lora_A."


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
    """By how much an entry of each product moves for a step of size 1 of its factor B."""
    for name in names:
        path, factor, rest = name.partition(_FACTOR)
        if not factor:
            continue
        layer: Any = model.get_submodule(path)
        adapter = rest.partition(".")[0]
        movement = _root_mean_square(model.get_parameter(name)) * float(layer.scaling[adapter])
        if movement > 0:
            yield movement * math.sqrt(layer.r[adapter])


def _adapted(model: nn.Module, heads: set[str]) -> Iterator[Tensor]:
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and parameter.is_floating_point() and not is_adapter(name) and name not in heads:
            yield parameter


def _root_mean_square(tensor: Tensor) -> float:
    return tensor.detach().float().square().mean().sqrt().item()
