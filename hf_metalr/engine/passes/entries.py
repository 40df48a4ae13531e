"""What a pass runs over: the tensors that belong to one parameter, laid out alike."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

Kind = tuple[torch.device, torch.dtype, torch.dtype, torch.dtype]
_HALF = (torch.float16, torch.bfloat16)


class Entry(NamedTuple):
    """One parameter, or this process's shard of it.

    group: index of its layer group. weight: how often its sums count. now: θ, or x of a move. before: θ̄, or y of a
    move, of the same shape. gradient: of the same shape; None where there is none.
    """

    group: int
    weight: int
    now: Tensor
    before: Tensor
    gradient: Tensor | None = None

    @property
    def kind(self) -> Kind:
        """Device and dtypes: entries of one kind share their kernels."""
        gradient = self.now if self.gradient is None else self.gradient
        return self.now.device, self.now.dtype, self.before.dtype, gradient.dtype

    def laid_out(self) -> "Entry":
        """Return it with θ and g in the memory order of θ̄, copied where they are not, so that all read as flat."""
        gradient = self.gradient
        now = _laid_out(self.now, self.before)
        if gradient is not None:
            gradient = _laid_out(gradient, self.before)
        return self if now is self.now and gradient is self.gradient else self._replace(now=now, gradient=gradient)


def anchor_like(parameter: Tensor, moves_by_parts: bool) -> Tensor:
    """Return an empty θ̄ for a parameter, dense and in its memory order.

    A θ̄ that is only ever set to θ has the parameter's own dtype and loses nothing. One that moves by a share of the way
    is float32 for float16 and bfloat16 parameters: a step of bfloat16 is up to 1/128 of the value, so that a fifth of
    the way to a θ that has moved by one such step rounds to nothing, and θ̄ would never follow.
    """
    dtype = torch.float32 if moves_by_parts and parameter.dtype in _HALF else parameter.dtype
    return torch.empty_like(parameter, dtype=dtype)


def by_kind(entries: Iterable[Entry]) -> dict[Kind, list[Entry]]:
    """Return the entries sorted by kind, and in the order given within one; those without elements left out."""
    kinds: dict[Kind, list[Entry]] = {}
    for entry in entries:
        if entry.now.numel():
            kinds.setdefault(entry.kind, []).append(entry)
    return kinds


def flat(tensor: Tensor) -> Tensor:
    """Return the elements of a dense tensor in the order of memory; no copy."""
    return tensor.view(-1) if tensor.is_contiguous() else tensor.as_strided((tensor.numel(),), (1,))


def _laid_out(tensor: Tensor, like: Tensor) -> Tensor:
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.stride() == like.stride():
        return tensor
    return torch.empty_like(like, dtype=tensor.dtype).copy_(tensor)
