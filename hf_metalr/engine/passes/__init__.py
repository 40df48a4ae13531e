"""One pass over memory: the sums that a meta step needs, and the moves that it makes, on the device at hand.

    sums      per layer group ⟨g, Δ⟩, ‖g‖² and ‖Δ‖² with Δ = θ − θ̄, and in the same pass θ̄ ← θ̄ + (θ − θ̄)/K
    squares   per layer group ‖x‖²
    move      x ← y + f (x − y), f by layer group

What they are is one line each (`hf_metalr.equations.inner_product`); these files are about how often memory is read and
how many kernels are started:

    pieces.py     CPU: bound by memory, so piece by piece, each small enough to stay in cache for all that is done to it
    kernels.py    CUDA, ROCm, XPU with Triton: bound by launches, so one kernel over a table of chunks, however many
                  tensors and layer groups there are; launched by chunks.py
    foreach.py    other accelerators, and those where Triton is absent: launches that do not grow with layer groups
"""

from hf_metalr.engine.passes.entries import Entry, anchor_like
from hf_metalr.engine.passes.passes import Passes

__all__ = ["Entry", "Passes", "anchor_like"]
