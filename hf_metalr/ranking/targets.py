"""The targets of the rows that are scored, or one clear reason why they cannot be."""

from collections.abc import Sequence

import torch
from torch import Tensor

from hf_metalr.errors import InputError, Parameter


def of_kept_rows(targets: Tensor, task: str) -> Tensor:
    """Return the targets of the rows that are scored as the scores want them.

    Numbers are centred, because LogME has no intercept; labels of a multi-label task that no row has are left out.

    Raises:
        InputError: all numbers are the same, or no row has a label.
    """
    if task == "regression":
        if targets.min() == targets.max():
            raise InputError(None, f"The targets of the scored rows must differ, found only {float(targets[0])}.")
        return targets - targets.mean()
    if task == "multi-label":
        kept = targets[:, targets.any(dim=0) & ~targets.all(dim=0)]  # what all have tells nothing either
        if not kept.numel():
            raise InputError(None, "The scored rows must differ in their labels, found the same labels in all.")
        return kept
    return targets


def require_samples_per_class(targets: Tensor, least: int, names: Sequence[str] | None = None) -> None:
    """Raise a ValueError where fewer than two classes are left, or that lists those with fewer samples than `least`."""

    def shown(label: int) -> str:
        return str(label) if names is None else names[label]

    labels, counts = torch.unique(targets, return_counts=True)
    if len(labels) < 2:
        raise InputError(
            None,
            f"The scored rows must be of at least two classes, found only {shown(int(labels[0]))}. Raise ",
            Parameter("max_samples"),
            "; of rows with the same input the first alone is scored.",
        )
    few = {int(label): int(count) for label, count in zip(labels, counts, strict=True) if count < least}
    if few:
        listed = ", ".join(f"{shown(label)}: {count}" for label, count in list(few.items())[:5])
        raise InputError(
            None,
            f"Each class must have at least {least} samples, one for each fold of the probe and a neighbour "
            f"for each; found {len(few)} with fewer ({listed}). Lower ",
            Parameter("folds"),
            ", raise ",
            Parameter("max_samples"),
            ", or drop these classes; if these are numbers to predict, cast them to float.",
        )
