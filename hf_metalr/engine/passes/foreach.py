"""The passes by ``torch._foreach_*``: for accelerators where Triton is absent.

One call for all tensors of a dtype, whatever their number and that of the layer groups. There is no such call for an
inner product; with p = g Δ, element by element,

    Σ p = 2 Σ max(p, 0) − Σ |p|

whose two terms are norms. Tensors are taken in buckets, so that what is held at once does not grow with the model.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from hf_metalr.engine.passes.entries import Entry
from hf_metalr.equations import accumulator

BUCKET = 2**24  # elements: 64 MiB of float32 for each of two temporaries; the largest tensor where that is larger


@torch.no_grad()
def sums(entries: Sequence[Entry], groups: int, follow: float) -> Tensor:
    """Return ⟨g, Δ⟩, ‖g‖² and ‖Δ‖², (3, groups), and move every θ̄ by ``follow`` of the way to θ."""
    columns: list[list[Tensor]] = [[], [], []]
    zero = torch.zeros((), device=entries[0].now.device)
    for bucket in _buckets([entry.laid_out() for entry in entries]):
        now, before = [entry.now for entry in bucket], [entry.before for entry in bucket]
        displacements = _difference(now, before)
        columns[2] += _norms(displacements, 2)
        if follow == 1:
            torch._foreach_copy_(before, now)
        elif follow > 0:
            torch._foreach_add_(before, displacements, alpha=follow)
        told = [(entry, d) for entry, d in zip(bucket, displacements, strict=True) if entry.gradient is not None]
        products, norms = _products([entry.gradient for entry, _ in told], [d for _, d in told])  # type: ignore[misc]
        left = iter(zip(products, norms, strict=True))
        for entry in bucket:
            dot, norm = (zero, zero) if entry.gradient is None else next(left)
            columns[0].append(dot)
            columns[1].append(norm)
    wide = accumulator(zero.device)
    dots, gradient_norms, displacement_norms = (torch.stack(column).to(wide) for column in columns)
    values = torch.stack([dots, gradient_norms.square(), displacement_norms.square()])
    return _by_group(values, entries, groups)


@torch.no_grad()
def squares(entries: Sequence[Entry], groups: int) -> Tensor:
    """Return ‖x‖² of what stands in the place of θ, (groups,)."""
    norms = _norms([entry.laid_out().now for entry in entries], 2)
    return _by_group(torch.stack(norms).to(accumulator(norms[0].device)).square()[None], entries, groups)[0]


@torch.no_grad()
def move(entries: Sequence[Entry], factors: Sequence[float]) -> None:
    """Put θ at ``θ̄ + f (θ − θ̄)``, f by layer group."""
    for bucket in _buckets([entry for entry in entries if factors[entry.group] != 1]):
        now, before = [entry.now for entry in bucket], [entry.before for entry in bucket]
        if all(factors[entry.group] == 0 for entry in bucket):
            torch._foreach_copy_(now, before)
            continue
        moved = _difference(before, now)
        torch._foreach_mul_(moved, [1 - factors[entry.group] for entry in bucket])
        torch._foreach_add_(moved, now)
        torch._foreach_copy_(now, moved)


def _buckets(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    bucket: list[Entry] = []
    size = 0
    for entry in entries:
        if bucket and size + entry.now.numel() > BUCKET:
            yield bucket
            bucket, size = [], 0
        bucket.append(entry)
        size += entry.now.numel()
    if bucket:
        yield bucket


def _difference(left: list[Tensor], right: list[Tensor]) -> list[Tensor]:
    """Return left − right in float32 or wider."""
    wide = torch.promote_types(_wide(left[0]), right[0].dtype)
    return list(torch._foreach_sub(_cast(left, wide), _cast(right, wide)))


def _products(gradients: list[Tensor], displacements: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return ⟨g, Δ⟩ and ‖g‖ of every pair; Δ is overwritten."""
    if not gradients:
        return [], []
    torch._foreach_mul_(displacements, _cast(gradients, displacements[0].dtype))
    absolute = _norms(displacements, 1)
    torch._foreach_clamp_min_(displacements, 0)
    dots = torch._foreach_mul(_norms(displacements, 1), 2)
    torch._foreach_sub_(dots, absolute)
    return list(dots), _norms(gradients, 2)


def _norms(tensors: list[Tensor], order: int) -> list[Tensor]:
    return list(torch._foreach_norm(tensors, order, dtype=_wide(tensors[0])))


def _cast(tensors: list[Tensor], dtype: torch.dtype) -> list[Tensor]:
    if tensors[0].dtype == dtype:
        return tensors
    cast = [torch.empty_like(tensor, dtype=dtype) for tensor in tensors]
    torch._foreach_copy_(cast, tensors)
    return cast


def _wide(tensor: Tensor) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)


def _by_group(values: Tensor, entries: Sequence[Entry], groups: int) -> Tensor:
    """Sum values of every entry, (k, entries), by layer group, (k, groups), in the same order on every call."""
    members: list[list[int]] = [[] for _ in range(groups)]
    for index, entry in enumerate(entries):
        members[entry.group].append(index)
    values = values * values.new_tensor([entry.weight for entry in entries])
    most = max(map(len, members))
    # Shorter groups are filled up with the zero that is put behind the values: no products, which a NaN would spread.
    places = torch.tensor([group + [len(entries)] * (most - len(group)) for group in members], device=values.device)
    return torch.nn.functional.pad(values, (0, 1))[:, places].sum(2)
