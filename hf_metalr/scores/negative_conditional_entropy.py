"""NCE: how much of the new labels the source labels of the same samples leave open."""

import torch
from torch import Tensor

from hf_metalr.scores.checks import checked_labels


def negative_conditional_entropy(source_labels: Tensor, labels: Tensor) -> float:
    """Return NCE, ``−H(y | z) = Σ_{z,y} P(z, y) log P(y | z)``, in nats: how surely z, the source label, gives y.

    It is LEEP of a head that is sure of ``z``. From −log C to 0; source labels that say nothing have ``−H(y)``, the
    chance level. Higher is better. It grows with the number of source classes: where each sample has its own, it is 0.
    Unchanged by renaming the classes.

    Args:
        source_labels: (N,) non-negative integers, the source class of each sample, given or predicted; one class is
            enough.
        labels: (N,) non-negative integers, at least two classes; gaps and classes of one sample are allowed.

    Raises:
        ValueError: labels that are not one non-negative integer per sample, or only one class of them.

    Source: NCE (arXiv 1908.08142), equation 7.

    >>> negative_conditional_entropy(torch.tensor([4, 4, 7, 7]), torch.tensor([0, 0, 1, 1]))
    0.0
    """
    labels = checked_labels(labels)
    given = checked_labels(source_labels, labels, "source_labels", least_classes=1)
    joint = torch.bincount(given * (labels.max() + 1) + labels).double()
    joint = joint[joint > 0]
    counts_given = torch.bincount(given).double()
    negative_joint_entropy = (joint * joint.log()).sum() - (counts_given * counts_given.log()).sum()
    return float(negative_joint_entropy / len(labels))
