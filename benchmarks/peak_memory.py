"""Peak of the tensor memory in use, read from every allocation and release that torch's own CPU allocator reports."""

from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile


def peak_tensor_bytes(run: Callable[[], object]) -> int:
    """Return the largest number of bytes that ``run`` had in use at once, beyond what was in use when it began.

    Unlike the resident size of the process it is exact and repeatable: no allocator caches, no Python objects, no
    fragmentation. Temporaries inside operators count; scratch space that kernels take past torch's allocator does not.

    >>> import torch
    >>> def run():
    ...     first = torch.empty(1000)
    ...     del first
    ...     return torch.empty(600), torch.empty(500)
    >>> peak_tensor_bytes(run)
    4400
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        kept = run()
    # The profiler's public event list leaves out what operators allocate inside.
    events = recorded.profiler.kineto_results.events()
    changes = [(event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]"]
    del kept  # alive until here, so that what `run` returns counts as in use
    in_use = peak = 0
    for _, change in sorted(changes, key=lambda dated: dated[0]):
        in_use += change
        peak = max(peak, in_use)
    return peak
