"""Which implementation a pass takes, and the sum over kinds of entries."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from hf_metalr.engine.passes import foreach, pieces
from hf_metalr.engine.passes.chunks import Chunks, fits
from hf_metalr.engine.passes.entries import Entry, Kind, by_kind


class _Implementation(Protocol):
    def sums(self, entries: Sequence[Entry], groups: int, follow: float) -> Tensor: ...

    def squares(self, entries: Sequence[Entry], groups: int) -> Tensor: ...

    def move(self, entries: Sequence[Entry], factors: Sequence[float]) -> None: ...


class Passes:
    """Runs the passes of one optimizer's parameters, wherever they are.

    Entries of one device and one combination of dtypes run together. Those without elements count nothing.
    """

    def __init__(self) -> None:
        self._chunks: dict[tuple[str, Kind], Chunks] = {}

    def sums(self, entries: Iterable[Entry], groups: int, follow: float = 0.0) -> Tensor:
        """Return ``⟨g, Δ⟩``, ``‖g‖²`` and ``‖Δ‖²`` per layer group, and move θ̄ by ``follow`` of the way to θ.

        Returns:
            Shape (3, groups), on the first entry's device, in float64 where it has that. Entries count as often as
            their weight says; one without a gradient counts for ``‖Δ‖²`` alone.
        """
        kinds = by_kind(entries)
        return _added([self._of("sums", k).sums(part, groups, follow) for k, part in kinds.items()], (3, groups))

    def squares(self, entries: Iterable[Entry], groups: int) -> Tensor:
        """Return ``‖x‖²`` per layer group, with x in the place of θ; shape (groups,)."""
        kinds = by_kind(entries)
        return _added([self._of("squares", k).squares(part, groups) for k, part in kinds.items()], (groups,))

    def move(self, entries: Iterable[Entry], factors: Sequence[float]) -> None:
        """Put every θ at ``θ̄ + f (θ − θ̄)``: f by layer group, θ̄ itself for 0, exactly where it was for 1."""
        for kind, part in by_kind(entries).items():
            self._of("move", kind).move(part, factors)

    def _of(self, work: str, kind: Kind) -> _Implementation:
        if kind[0].type == "cpu":
            return pieces
        if not fits(kind):
            return foreach
        if (work, kind) not in self._chunks:
            self._chunks[work, kind] = Chunks()  # one for each work: their tables hold other tensors
        return self._chunks[work, kind]


def _added(parts: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor:
    total = parts[0] if parts else torch.zeros(shape, dtype=torch.float64)
    for part in parts[1:]:
        total = total + part.to(total.device)
    return total
