"""LEEP: what the probabilities of the model's own, pre-trained head say about the new labels."""

from torch import Tensor

from hf_metalr.errors import InputError
from hf_metalr.scores.checks import checked_features, checked_labels, one_hot

# Rows of probabilities computed in half precision miss 1 by up to about this much.
_SUM_TOLERANCE = 1e-2


def log_expected_empirical_prediction(probabilities: Tensor, labels: Tensor) -> float:
    """Return LEEP, the mean log likelihood per sample, in nats, of labels read off the source head's probabilities.

    With ``θ_iz`` the probability of source class z for sample i,

        P(y, z) = (1/N) Σ_{i: y_i = y} θ_iz,    P(y | z) = P(y, z) / Σ_y P(y, z)
        LEEP = (1/N) Σ_i log Σ_z P(y_i | z) θ_iz

    At most 0; a head that answers alike for every sample has ``−H(y)``, the negative entropy of the labels, which is
    the chance level. Higher is better. It grows a little with the number of source classes, since P(y | z) is read
    off the samples that it then predicts. Unchanged by reordering, splitting in proportion, or zero padding of the
    source classes.

    Args:
        probabilities: (N, Z), any floating dtype, any device: the head's softmax; rows sum to 1.
        labels: (N,) non-negative integers, at least two classes; gaps and classes of one sample are allowed.

    Raises:
        InputError: rows that are no probabilities, or labels that are not two or more classes of its rows.

    Source: LEEP (arXiv 2002.12462), equation 2.

    >>> import torch
    >>> sure = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> log_expected_empirical_prediction(sure, torch.tensor([0, 0, 1, 1]))
    0.0
    """
    given = checked_features(probabilities, "probabilities").double()
    labels = checked_labels(labels, given)
    sums = given.sum(dim=1)
    if given.min() < 0 or (sums - 1).abs().max() > _SUM_TOLERANCE:
        raise InputError(
            "probabilities",
            "must be non-negative rows that sum to 1; found values from "
            f"{float(given.min()):g} and sums from {float(sums.min()):g} to {float(sums.max()):g}. "
            "Take the softmax of logits first.",
        )
    given = given[:, given.sum(dim=0) > 0]  # a source class that is never given says nothing
    joint = one_hot(labels).T @ given
    of_own_label = (joint / joint.sum(dim=0))[labels]
    return float((of_own_label * given).sum(dim=1).log().mean())
