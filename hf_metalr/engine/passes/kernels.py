"""The passes as Triton kernels over a table of chunks.

A chunk is a run of elements of one tensor, at most `CHUNK` long; chunks are sorted by layer group. One program works on
one chunk, so the launch does not know how many tensors or groups there are:

    chunks      int64 (3, chunks): index of the tensor, first element, end
    addresses   int64 (rows, tensors): where θ, θ̄ and g begin in memory; 0 for no gradient
    partials    float32 (sums, chunks): what each chunk comes to, written to a place of its own; no atomics, so the same
                numbers on every run
    firsts      int64 (groups + 1): the first chunk of every layer group; summed in float64, in order

float32 is enough within a chunk: its sums are of `CHUNK` terms, by lanes and then by halves. `BLOCK` elements are read
at once, side by side but one by one: the mask of a chunk's end keeps Triton from wider loads. Loops run
over as many blocks as the longest chunk or group has (``steps``): bounds that are read from memory are beyond Triton's
interpreter, which tests need.
"""

import triton
import triton.language as tl

CHUNK = 2**15
BLOCK = 2**10


@triton.jit
def _begin(addresses, tensor, dtype: tl.constexpr):
    return tl.load(addresses + tensor).to(tl.pointer_type(dtype))


@triton.jit
def sums(
    addresses,
    tensors,
    chunks,
    weights,
    partials,
    follow,
    now_type: tl.constexpr,
    before_type: tl.constexpr,
    gradient_type: tl.constexpr,
    moves: tl.constexpr,
    block: tl.constexpr,
    steps: tl.constexpr,
):
    """⟨g, Δ⟩, ‖g‖² and ‖Δ‖² of one chunk, and θ̄ ← θ̄ + follow (θ − θ̄): to θ itself where ``moves`` is 2."""
    chunk, count = tl.program_id(0), tl.num_programs(0)
    tensor, first, end = tl.load(chunks + chunk), tl.load(chunks + count + chunk), tl.load(chunks + 2 * count + chunk)
    now_begin = _begin(addresses, tensor, now_type)
    before_begin = _begin(addresses + tensors, tensor, before_type)
    gradient_begin = _begin(addresses + 2 * tensors, tensor, gradient_type)
    has_gradient = tl.load(addresses + 2 * tensors + tensor) != 0
    dots = tl.zeros([block], tl.float32)
    gradient_squares = tl.zeros([block], tl.float32)
    displacement_squares = tl.zeros([block], tl.float32)
    for step in range(steps):
        places = first + step * block + tl.arange(0, block)
        inside = places < end
        now = tl.load(now_begin + places, mask=inside, other=0.0).to(tl.float32)
        before = tl.load(before_begin + places, mask=inside, other=0.0).to(tl.float32)
        gradient = tl.load(gradient_begin + places, mask=inside & has_gradient, other=0.0).to(tl.float32)
        displacement = now - before
        # Where there is no gradient nothing is multiplied: 0 times a displacement that is not finite would be NaN.
        dots += tl.where(has_gradient, gradient * displacement, 0.0)
        gradient_squares += gradient * gradient
        displacement_squares += displacement * displacement
        if moves == 2:
            tl.store(before_begin + places, now.to(before_type), mask=inside)
        elif moves == 1:
            tl.store(before_begin + places, (before + follow * displacement).to(before_type), mask=inside)
    weight = tl.load(weights + chunk)
    tl.store(partials + chunk, tl.sum(dots, axis=0) * weight)
    tl.store(partials + count + chunk, tl.sum(gradient_squares, axis=0) * weight)
    tl.store(partials + 2 * count + chunk, tl.sum(displacement_squares, axis=0) * weight)


@triton.jit
def squares(
    addresses,
    chunks,
    weights,
    partials,
    dtype: tl.constexpr,
    block: tl.constexpr,
    steps: tl.constexpr,
):
    """‖x‖² of one chunk."""
    chunk, count = tl.program_id(0), tl.num_programs(0)
    tensor, first, end = tl.load(chunks + chunk), tl.load(chunks + count + chunk), tl.load(chunks + 2 * count + chunk)
    begin = _begin(addresses, tensor, dtype)
    total = tl.zeros([block], tl.float32)
    for step in range(steps):
        places = first + step * block + tl.arange(0, block)
        values = tl.load(begin + places, mask=places < end, other=0.0).to(tl.float32)
        total += values * values
    tl.store(partials + chunk, tl.sum(total, axis=0) * tl.load(weights + chunk))


@triton.jit
def move(
    addresses,
    tensors,
    chunks,
    factors,
    now_type: tl.constexpr,
    before_type: tl.constexpr,
    copies: tl.constexpr,
    block: tl.constexpr,
    steps: tl.constexpr,
):
    """θ ← θ̄ + f (θ − θ̄) in one chunk, with the factor f of its layer group: θ̄ itself for 0, nothing for 1.

    ``copies``: all factors are 0, and θ is not even read.
    """
    chunk, count = tl.program_id(0), tl.num_programs(0)
    tensor, first, end = tl.load(chunks + chunk), tl.load(chunks + count + chunk), tl.load(chunks + 2 * count + chunk)
    now_begin = _begin(addresses, tensor, now_type)
    before_begin = _begin(addresses + tensors, tensor, before_type)
    factor = tl.load(factors + chunk)
    end = tl.where(factor == 1.0, first, end)
    for step in range(steps):
        places = first + step * block + tl.arange(0, block)
        inside = places < end
        before = tl.load(before_begin + places, mask=inside, other=0.0).to(tl.float32)
        if copies:
            tl.store(now_begin + places, before.to(now_type), mask=inside)
        else:
            now = tl.load(now_begin + places, mask=inside, other=0.0).to(tl.float32)
            # From θ on, of which a factor near 1 leaves most: rounding in θ̄ + f (θ − θ̄) would move every weight.
            moved = tl.where(factor == 0.0, before, now + (1.0 - factor) * (before - now))
            tl.store(now_begin + places, moved.to(now_type), mask=inside)


@triton.jit
def finish(partials, firsts, chunks, out, groups, block: tl.constexpr, steps: tl.constexpr):
    """Sum the chunks of one layer group, for one of the sums; out is float64 (sums, groups)."""
    group, row = tl.program_id(0), tl.program_id(1)
    first, end = tl.load(firsts + group), tl.load(firsts + group + 1)
    total = tl.zeros([block], tl.float64)
    for step in range(steps):
        places = first + step * block + tl.arange(0, block)
        total += tl.load(partials + row * chunks + places, mask=places < end, other=0.0).to(tl.float64)
    tl.store(out + row * groups + group, tl.sum(total, axis=0))
