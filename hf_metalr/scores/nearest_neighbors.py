"""k nearest neighbours: leave one sample out, ask the samples most like it, by the cosine of their features."""

import torch
from torch import Tensor

from hf_metalr.errors import InputError
from hf_metalr.scores.checks import checked_features, checked_labels

# Similarities held at once: 64 MiB in float32, whatever the number of samples.
_SIMILARITIES_AT_ONCE = 2**24


def nearest_neighbor_accuracy(features: Tensor, labels: Tensor, k: int = 5) -> float:
    """Return the leave-one-out accuracy of k nearest neighbours: the share of `nearest_neighbor_hits`, from 0 to 1.

    Nothing is fitted. Compare it with the chance level, the share of the most frequent class. Higher is better. On
    pure noise it stays at chance for any number of channels.

    >>> features = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    >>> nearest_neighbor_accuracy(features, torch.tensor([0, 0, 1, 1]), k=1)
    1.0
    """
    return float(nearest_neighbor_hits(features, labels, k).double().mean())


def nearest_neighbor_hits(features: Tensor, labels: Tensor, k: int = 5, groups: Tensor | None = None) -> Tensor:
    """Say of each sample whether its k nearest other samples vote for its label; a boolean tensor (N,).

    Near is a large cosine. The class with the most votes wins; among equals, the one of the nearest voter. Ties
    of the cosines themselves (equal features) are broken by the order of the samples that torch.topk leaves, the same
    in every run on one machine. A sample of zeros has cosine 0 with all others. The only sample of a class never hits.

    Unchanged by rotation, a common scale, duplication and zero padding of the channels; not by a shift, which
    turns the directions.

    Args:
        features: (N, D), any floating dtype, any device. Compared in float32, float64 features in float64.
        labels: (N,) non-negative integers, at least two classes; gaps are allowed.
        k: number of neighbours, from 1 to N − 1.
        groups: (N,) integers, such as patients: nobody is the neighbour of a sample of his own group. None: no groups.

    Raises:
        InputError: features that are not a finite matrix, labels that are not two or more classes of its rows, or k
            out of range.
    """
    features = checked_features(features)
    labels = checked_labels(labels, features)
    samples = len(features)
    if not 1 <= k < samples:
        raise InputError("k", f"must be from 1 to {samples - 1}, one less than the number of samples; found {k}.")
    if groups is not None and k > samples - int(torch.unique(groups, return_counts=True)[1].max()):
        raise InputError("k", f"must leave each sample so many neighbours outside of its own group; found {k}.")
    directions = _unit_rows(features)
    rows_at_once = max(1, _SIMILARITIES_AT_ONCE // samples)
    starts = range(0, samples, rows_at_once)
    answers = [_votes(directions, labels, start, min(start + rows_at_once, samples), k, groups) for start in starts]
    return torch.cat(answers) == labels


def _votes(directions: Tensor, labels: Tensor, start: int, stop: int, k: int, groups: Tensor | None) -> Tensor:
    """Return the label that the neighbours of samples start … stop − 1 vote for."""
    similarities = directions[start:stop] @ directions.T
    if groups is None:
        similarities.diagonal(offset=start).fill_(-torch.inf)
    else:
        similarities.masked_fill_(groups[start:stop, None] == groups, -torch.inf)
    neighbors = labels[similarities.topk(k, dim=1).indices]  # nearest first
    votes = torch.zeros_like(similarities, dtype=torch.int32)  # a column per label: there are at most N
    votes.scatter_add_(1, neighbors, torch.ones_like(neighbors, dtype=torch.int32))
    winner = votes.gather(1, neighbors).argmax(dim=1, keepdim=True)  # the first, so the nearest, of equals
    return neighbors.gather(1, winner).squeeze(1)


def _unit_rows(features: Tensor) -> Tensor:
    """Scale each row to length 1, by its largest entry first, so that no square over- or underflows."""
    rows = features.to(torch.promote_types(features.dtype, torch.float32))
    tiny = torch.finfo(rows.dtype).tiny
    rows = rows / rows.abs().amax(dim=1, keepdim=True).clamp_min(tiny)
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(tiny)
