"""Launches the kernels of `kernels.py`: at most four launches and copies for a pass, however many tensors there are."""

import contextlib
import logging
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from hf_metalr.engine.passes.entries import Entry, Kind

logger = logging.getLogger(__name__)

_DEVICES = ("cuda", "xpu")  # ROCm calls itself cuda
_DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def fits(kind: Kind) -> bool:
    """Return whether the kernels can be used for entries of a kind: device and dtypes, and Triton works there."""
    device, *dtypes = kind
    return device.type in _DEVICES and all(dtype in _DTYPES for dtype in dtypes) and _works(device)


class Chunks:
    """The passes over the entries of one kind, with what they keep on the device between two calls.

    Args:
        longest: elements per chunk; `kernels.CHUNK` where None is given.
    """

    def __init__(self, longest: int | None = None) -> None:
        from hf_metalr.engine.passes import kernels  # needs Triton

        self._kernels: Any = kernels
        self._longest = longest or kernels.CHUNK
        self._layout: list[tuple[int, int, int]] = []
        self._addresses: list[int] = []

    @torch.no_grad()
    def sums(self, entries: Sequence[Entry], groups: int, follow: float) -> Tensor:
        """Return ⟨g, Δ⟩, ‖g‖² and ‖Δ‖², (3, groups) in float64, and move every θ̄ by ``follow`` of the way to θ."""
        entries = [entry.laid_out() for entry in entries]
        entry = self._prepare(entries, groups, "now", "before", "gradient")
        partials = self._weights.new_empty((3, self._count))
        with _on(self._weights.device):
            self._kernels.sums[(self._count,)](
                self._table,
                len(entries),
                self._chunks,
                self._weights,
                partials,
                float(follow),
                now_type=self._type(entry.now),
                before_type=self._type(entry.before),
                gradient_type=self._type(entry.gradient if entry.gradient is not None else entry.now),
                moves=2 if follow == 1 else int(follow > 0),
                **self._blocks(self._longest),
            )
        return self._finish(partials)

    @torch.no_grad()
    def squares(self, entries: Sequence[Entry], groups: int) -> Tensor:
        """Return ‖x‖² of what stands in the place of θ, (groups,) in float64."""
        entries = [entry.laid_out() for entry in entries]
        entry = self._prepare(entries, groups, "now")
        partials = self._weights.new_empty((1, self._count))
        with _on(self._weights.device):
            self._kernels.squares[(self._count,)](
                self._table,
                self._chunks,
                self._weights,
                partials,
                dtype=self._type(entry.now),
                **self._blocks(self._longest),
            )
        return self._finish(partials)[0]

    @torch.no_grad()
    def move(self, entries: Sequence[Entry], factors: Sequence[float]) -> None:
        """Put θ at ``θ̄ + f (θ − θ̄)``, f by layer group."""
        ready = [entry._replace(gradient=None).laid_out() for entry in entries]
        entry = self._prepare(ready, len(factors), "now", "before")
        by_chunk = [factors[group] for group in self._group_of_chunk]
        with _on(self._weights.device):
            self._kernels.move[(self._count,)](
                self._table,
                len(ready),
                self._chunks,
                _sent(by_chunk, torch.float32, self._weights.device),
                now_type=self._type(entry.now),
                before_type=self._type(entry.before),
                copies=not any(by_chunk),
                **self._blocks(self._longest),
            )
        for mine, given in zip(ready, entries, strict=True):
            if mine.now is not given.now:  # laid out otherwise than θ̄
                given.now.copy_(mine.now)

    def _prepare(self, entries: Sequence[Entry], groups: int, *rows: str) -> Entry:
        """Bring the tables up to date, and return an entry that shows the dtypes."""
        device = entries[0].now.device
        layout = [(entry.group, entry.weight, entry.now.numel()) for entry in entries]
        if layout != self._layout or groups != len(self._firsts) - 1:
            self._lay_out(layout, groups, device)
        tensors = [[getattr(entry, row) for entry in entries] for row in rows]
        addresses = [0 if tensor is None else tensor.data_ptr() for row in tensors for tensor in row]
        if addresses != self._addresses:  # gradients move, most often to where they were two steps ago
            self._addresses = addresses
            self._table = _sent(addresses, torch.int64, device)
        return next((entry for entry in entries if entry.gradient is not None), entries[0])

    def _lay_out(self, layout: list[tuple[int, int, int]], groups: int, device: torch.device) -> None:
        chunks = [
            (group, tensor, start, min(start + self._longest, size), weight)
            for tensor, (group, weight, size) in enumerate(layout)
            for start in range(0, size, self._longest)
        ]
        chunks.sort(key=lambda chunk: chunk[0])  # stable: in the order of tensors within a group
        self._layout, self._addresses, self._count = layout, [], len(chunks)
        self._group_of_chunk = [chunk[0] for chunk in chunks]
        counts = [0] * (groups + 1)
        for group in self._group_of_chunk:
            counts[group + 1] += 1
        self._most = max(counts)
        for before, here in pairwise(range(groups + 1)):
            counts[here] += counts[before]
        self._firsts = torch.tensor(counts, device=device)
        self._chunks = torch.tensor([chunk[1:4] for chunk in chunks], device=device).T.contiguous()
        self._weights = torch.tensor([float(chunk[4]) for chunk in chunks], device=device)

    def _finish(self, partials: Tensor) -> Tensor:
        groups = len(self._firsts) - 1
        out = torch.empty((len(partials), groups), dtype=torch.float64, device=partials.device)
        with _on(partials.device):
            self._kernels.finish[(groups, len(partials))](
                partials, self._firsts, self._count, out, groups, **self._blocks(self._most)
            )
        return out

    def _blocks(self, most: int) -> dict[str, int]:
        block = self._kernels.BLOCK
        return {"block": block, "steps": -(-most // block)}

    def _type(self, tensor: Tensor) -> Any:
        language = self._kernels.tl
        return {
            torch.float32: language.float32,
            torch.bfloat16: language.bfloat16,
            torch.float16: language.float16,
        }[tensor.dtype]


def _sent(values: list, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Send numbers to a device without waiting for it; the pinned copy is kept until it has arrived."""
    if device.type == "cpu":
        return torch.tensor(values, dtype=dtype)
    return torch.tensor(values, dtype=dtype, pin_memory=True).to(device, non_blocking=True)


def _on(device: torch.device) -> contextlib.AbstractContextManager:
    """Make a device the current one: that is where Triton launches."""
    return contextlib.nullcontext() if device.type == "cpu" else torch.get_device_module(device).device(device)


@cache
def _works(device: torch.device) -> bool:
    """Whether a kernel can be compiled and run: Triton needs a C compiler and a device that is not too old."""
    if find_spec("triton") is None:
        return False
    one = torch.ones(1, device=device)
    try:
        return Chunks().squares([Entry(0, 1, one, one)], 1).item() == 1
    except (ImportError, OSError, RuntimeError, subprocess.CalledProcessError) as error:
        logger.warning(f"Triton does not work on {device} ({error}): learned rates are measured with more launches.")
        return False
