"""What counts in a transferability of parameters: which tensors, how they are averaged, whether the head takes part."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from torch import Tensor

from hf_metalr.equations import transferability
from hf_metalr.errors import InputError

_TENSORS = ("weights", "all")
_AVERAGES = ("before_ratio", "after_ratio")
# Projections on a residual connection: torchvision and timm say `downsample`, Transformers' ResNet and RegNet
# `shortcut`. The published study leaves them out.
_ON_A_SHORTCUT = frozenset({"downsample", "shortcut"})


@dataclass(frozen=True)
class Protocol:
    """How the transferability is taken; the defaults are the published protocol (arXiv 2212.00399).

    Attributes:
        tensors: "weights" takes the weights of convolutions, linear layers and lookup tables: no norm, no bias, no
            projection on a shortcut. "all" takes every floating parameter.
        average: "before_ratio" divides the layer's mean distances; "after_ratio" averages the tensors' own ratios.
        include_head: whether the head takes part in the network's mean. A new head is random at both ends, so its T
            says nothing of pre-training (about 1 in the published study, more after a short fine-tune from a known
            head); it is reported beside the network in either case.

    Raises:
        InputError: an option is unknown.
    """

    tensors: Literal["weights", "all"] = "weights"
    average: Literal["before_ratio", "after_ratio"] = "before_ratio"
    include_head: bool = False

    def __post_init__(self) -> None:
        for name, choices in (("tensors", _TENSORS), ("average", _AVERAGES)):
            if getattr(self, name) not in choices:
                raise InputError(name, f"must be one of {list(choices)}, found {getattr(self, name)!r}.")
        if type(self.include_head) is not bool:
            raise InputError("include_head", f"must be True or False, found {self.include_head!r}.")

    def select(self, parameters: Mapping[str, Tensor]) -> list[str]:
        """Return which parameters of one layer group count, in their order.

        >>> import torch
        >>> layer = {"conv.weight": torch.ones(2, 2, 3, 3), "bn.weight": torch.ones(2), "conv.bias": torch.ones(2)}
        >>> Protocol().select(layer), len(Protocol(tensors="all").select(layer))
        (['conv.weight'], 3)
        """
        if self.tensors == "all":
            return list(parameters)
        weights = [name for name, tensor in parameters.items() if _is_weight(name, tensor)]
        # A layer that consists of a downsampling alone (ConvNeXt, Swin) stands in the trunk, not on a shortcut.
        return [name for name in weights if not _ON_A_SHORTCUT & set(name.split("."))] or weights

    def ratio(self, from_random: Iterable[float], from_pretrained: Iterable[float]) -> float:
        """Return T of one layer from the distances of its tensors."""
        pairs = list(zip(from_random, from_pretrained, strict=True))
        if self.average == "before_ratio":
            return transferability(*zip(*pairs, strict=True))
        ratios = [transferability([random], [pretrained]) for random, pretrained in pairs]
        moved = [ratio for ratio in ratios if math.isfinite(ratio)]
        return fmean(moved) if moved else ratios[0]


PUBLISHED = Protocol()


def as_protocol(protocol: str | Protocol) -> Protocol:
    """Return the protocol that a user named, or passed."""
    if isinstance(protocol, Protocol):
        return protocol
    if protocol == "published":
        return PUBLISHED
    raise InputError(
        "protocol",
        f"must be 'published' or a `hf_metalr.transferability.Protocol`, found {protocol!r}. "
        "For every parameter instead of weights alone, pass Protocol(tensors='all').",
    )


def _is_weight(name: str, tensor: Tensor) -> bool:
    # `weight`, and `in_proj_weight` of torch's attention. A tensor that is long in its last dimension alone is a scale
    # per channel (ConvNeXt V2's response normalisation), unless it is the matrix of a single output.
    is_scale = tensor.ndim > 2 and tensor.numel() == tensor.shape[-1]
    return name.split(".")[-1].endswith("weight") and tensor.ndim >= 2 and not is_scale
