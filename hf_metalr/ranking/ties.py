"""Tie groups: which differences between backbones are more than chance."""

from collections.abc import Mapping

from hf_metalr.ranking.scoring import Estimate


def tie_groups(estimates: Mapping[str, Estimate], confidence: float) -> dict[str, int]:
    """Return the tie group of each backbone, 1 for the best, in falling order of their values.

    From the best down: the first of a group leads it, and those that follow belong to it as long as the interval of
    their paired difference to the leader contains 0. The first that does not leads the next group. Pairs in different
    groups whose leaders are neighbours may still be tied with each other: "tied" is no equivalence, and the groups say
    only who is clearly behind the leader. Nothing is corrected for the number of comparisons.

    >>> import torch
    >>> sharp = {name: Estimate(v, torch.full((9,), v).double(), True) for name, v in [("a", 0.5), ("b", 0.9)]}
    >>> tie_groups(sharp, 0.95)
    {'b': 1, 'a': 2}
    """
    ordered = sorted(estimates, key=lambda name: -estimates[name].value)
    groups: dict[str, int] = {}
    leader = None
    for name in ordered:
        if leader is None or (estimates[leader] - estimates[name]).interval(confidence)[0] > 0:
            leader = name
            groups[name] = max(groups.values(), default=0) + 1
        else:
            groups[name] = groups[leader]
    return groups
