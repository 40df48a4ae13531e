"""The bootstrap interval of a mean."""

import torch
from torch import Tensor

from hf_metalr.equations.hypergradient import accumulator
from hf_metalr.errors import InputError


def bootstrap_interval(
    values: Tensor, confidence: float = 0.95, resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean of independent values.

    Args:
        values: (N,) one number per sample, any floating dtype.
        confidence: share of resampled means inside, strictly between 0 and 1.
        resamples: how often N values are drawn with replacement.
        seed: of the draws; the global random streams are untouched.

    Raises:
        InputError: the values are no vector or empty, or the confidence is no share.

    Source: Efron 1979.

    >>> bootstrap_interval(torch.full((5,), 2.0))
    (2.0, 2.0)
    """
    if values.ndim != 1 or len(values) == 0:
        raise InputError("values", f"must be a vector of at least one number, found shape {tuple(values.shape)}.")
    if not 0 < confidence < 1:
        raise InputError("confidence", f"must lie strictly between 0 and 1, found {confidence!r}. Try 0.95.")
    values = values.detach().cpu().to(accumulator(torch.device("cpu")))
    generator = torch.Generator().manual_seed(seed)
    draws = (torch.randint(len(values), (len(values),), generator=generator) for _ in range(resamples))
    means = torch.stack([values[draw].mean() for draw in draws])
    tail = (1 - confidence) / 2
    low, high = torch.quantile(means, torch.tensor([tail, 1 - tail], dtype=means.dtype)).tolist()
    return low, high
