"""Parameters, anchors and gradients of every awkward kind, and the slow, obvious twin of a pass."""

from collections.abc import Callable
from importlib.util import find_spec

import pytest
import torch
from torch import Tensor

from hf_metalr.engine.passes import Entry, foreach, pieces
from hf_metalr.engine.passes.chunks import Chunks
from hf_metalr.equations import inner_product

HALF = [torch.bfloat16, torch.float16]


def triton_in_the_interpreter() -> Chunks:
    """The kernels, with chunks and blocks so short that even small tensors need several."""
    pytest.importorskip("triton", reason="comes with torch on Linux with GPUs")
    chunks = Chunks(longest=100)
    chunks._kernels.BLOCK = 32
    return chunks


def without_elements_cut(module, **limits: int) -> Callable:
    def make():
        for name, value in limits.items():
            setattr(module, name, value)
        return module

    return make


IMPLEMENTATIONS = {
    "pieces": without_elements_cut(pieces, PIECE=64),
    "foreach": without_elements_cut(foreach, BUCKET=200),
    "triton": triton_in_the_interpreter,
}


@pytest.fixture(params=IMPLEMENTATIONS)
def passes(request: pytest.FixtureRequest):
    """Each implementation, cutting tensors so small that tests of a few hundred elements see every seam."""
    limits = (pieces.PIECE, foreach.BUCKET)
    block = None
    if find_spec("triton") is not None:
        from hf_metalr.engine.passes import kernels

        block = kernels.BLOCK
    yield IMPLEMENTATIONS[request.param]()
    pieces.PIECE, foreach.BUCKET = limits
    if block is not None:
        kernels.BLOCK = block


def entry(
    group: int, shape: tuple[int, ...], dtype=torch.float32, before_dtype=None, weight: int = 1, gradient: bool = True
) -> Entry:
    """Return an entry of random values whose gradient agrees with Δ to a part, so that no sum cancels."""
    now = torch.randn(shape).to(dtype)
    before = (now.float() + 0.1 * torch.randn(shape)).to(before_dtype or dtype)
    g = (now.float() - before.float() + 0.1 * torch.randn(shape)).to(dtype)
    return Entry(group, weight, now, before, g if gradient else None)


def expected_sums(entries: list[Entry], groups: int) -> Tensor:
    """The sums of `Passes.sums` in float64, tensor by tensor; (3, groups)."""
    total = torch.zeros(3, groups, dtype=torch.float64)
    for e in entries:
        displacement = e.now.double() - e.before.double()
        gradient = torch.zeros_like(displacement) if e.gradient is None else e.gradient.to_dense().double()
        if e.gradient is not None:
            total[0, e.group] += e.weight * inner_product(gradient, displacement)
            total[1, e.group] += e.weight * inner_product(gradient, gradient)
        total[2, e.group] += e.weight * inner_product(displacement, displacement)
    return total
