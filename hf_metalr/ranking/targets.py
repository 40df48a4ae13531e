"""The targets of a data set as a tensor, or one clear reason why they cannot be scored."""

from collections.abc import Sequence
from typing import Any, Literal

import datasets
import torch
from torch import Tensor

Task = Literal["classification", "multi-label", "regression"]


def read_targets(dataset: datasets.Dataset, column: str) -> tuple[Tensor, Task]:
    """Return class indices (N,), numbers (N,), or a matrix (N, C) of 0 and 1, and which of them they are.

    Raises:
        ValueError: texts, missing or negative labels, rows of different lengths or of other numbers, or one class.
    """
    feature = dataset.features[column]
    if getattr(feature, "dtype", None) in ("string", "large_string"):
        raise ValueError(
            f"The labels in {column!r} must be numbers, found texts such as {dataset[0][column]!r}. Encode them: "
            f"dataset = dataset.class_encode_column({column!r})."
        )
    values = dataset[column][:]
    missing = next((row for row, value in enumerate(values) if value is None), None)
    if missing is not None:
        raise ValueError(
            f"The labels in {column!r} must not be missing, found none in row {missing}. Drop such rows: "
            f"dataset.filter(lambda row: row[{column!r}] is not None)."
        )
    try:
        targets = torch.tensor(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise _unusable(column, feature, f"values of other kinds or lengths ({error})") from error
    if targets.ndim == 2 and targets.shape[1] == 1:  # one label in a row of its own, as MedMNIST stores them
        targets = targets[:, 0]
    if targets.ndim == 2:
        return _multi_label(targets, column, feature), "multi-label"
    if targets.ndim != 1:
        raise _unusable(column, feature, f"an array of {targets.ndim} dimensions")
    if targets.is_floating_point():
        return _numbers(targets, column), "regression"
    return _classes(targets.long(), column), "classification"


def of_kept_rows(targets: Tensor, task: Task) -> Tensor:
    """Return the targets of the rows that are scored as the scores want them.

    Numbers are centred, because LogME has no intercept; labels of a multi-label task that no row has are left out.

    Raises:
        ValueError: all numbers are the same, or no row has a label.
    """
    if task == "regression":
        if targets.min() == targets.max():
            raise ValueError(f"The targets of the scored rows must differ, found only {float(targets[0])}.")
        return targets - targets.mean()
    if task == "multi-label":
        kept = targets[:, targets.any(dim=0) & ~targets.all(dim=0)]  # what all have tells nothing either
        if not kept.numel():
            raise ValueError("The scored rows must differ in their labels, found the same labels in all.")
        return kept
    return targets


def require_samples_per_class(targets: Tensor, least: int, names: Sequence[str] | None = None) -> None:
    """Raise a ValueError where fewer than two classes are left, or that lists those with fewer samples than `least`."""

    def shown(label: int) -> str:
        return str(label) if names is None else names[label]

    labels, counts = torch.unique(targets, return_counts=True)
    if len(labels) < 2:
        raise ValueError(
            f"The scored rows must be of at least two classes, found only {shown(int(labels[0]))}. Raise "
            "`max_samples`; of rows with the same input the first alone is scored."
        )
    few = {int(label): int(count) for label, count in zip(labels, counts, strict=True) if count < least}
    if few:
        listed = ", ".join(f"{shown(label)}: {count}" for label, count in list(few.items())[:5])
        raise ValueError(
            f"Each class must have at least {least} samples, one for each of the `folds` of the probe and a neighbour "
            f"for each; found {len(few)} with fewer ({listed}). Lower `folds`, raise `max_samples`, or drop these "
            "classes; if these are numbers to predict, cast them to float."
        )


def _classes(targets: Tensor, column: str) -> Tensor:
    if targets.min() < 0:
        raise ValueError(
            f"The labels in {column!r} must not be negative, found {int(targets.min())} in row "
            f"{int(targets.argmin())}. -1 marks samples without a label: drop them, or take another split."
        )
    if len(torch.unique(targets)) < 2:
        raise ValueError(
            f"The labels in {column!r} must be of at least two classes, found only {int(targets[0])}. Is the data set "
            "sorted, and this its first part?"
        )
    return targets


def _numbers(targets: Tensor, column: str) -> Tensor:
    if not torch.isfinite(targets).all():
        raise ValueError(f"The targets in {column!r} must be finite; drop the rows with NaN or infinity.")
    return targets


def _multi_label(targets: Tensor, column: str, feature: Any) -> Tensor:
    if not torch.isin(targets, torch.tensor([0, 1], dtype=targets.dtype)).all():
        raise _unusable(column, feature, "rows of other numbers than 0 and 1")
    return targets.float()


def _unusable(column: str, feature: Any, found: str) -> ValueError:
    return ValueError(
        f"The labels in {column!r} must be one class index or number per sample, or as many 0 and 1 for each sample as "
        f"there are labels; found {found} in {feature}."
    )
