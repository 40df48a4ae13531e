"""What the scores accept: one home for the errors, the same words everywhere."""

import torch
from torch import Tensor

from hf_metalr.errors import InputError


def checked_features(features: Tensor, name: str = "features") -> Tensor:
    """Return an (N, D) matrix of finite numbers, free of its graph, on a device that knows float64.

    Raises:
        InputError: anything but a floating-point matrix of finite numbers with at least one row and one column.
    """
    if not isinstance(features, Tensor) or features.ndim != 2 or not features.is_floating_point():
        found = f"a {features.dtype} tensor of shape {tuple(features.shape)}" if isinstance(features, Tensor) else ""
        raise InputError(
            name,
            f"must be a floating-point tensor with a row per sample and a column per channel; found "
            f"{found or type(features).__name__}. Average over tokens or pixels first; wrap arrays in torch.as_tensor.",
        )
    if features.numel() == 0:
        raise InputError(
            name,
            f"must hold at least one sample and one channel; found shape {tuple(features.shape)}. "
            "Is the data set empty?",
        )
    bad_rows = int((~torch.isfinite(features)).any(dim=1).sum())
    if bad_rows:
        raise InputError(
            name,
            f"must be finite; found {bad_rows} of {len(features)} rows with NaN or infinity. "
            "Drop these samples, or compute the features in float32.",
        )
    return _with_float64(features)


def checked_labels(
    labels: Tensor, samples: Tensor | None = None, name: str = "labels", least_classes: int = 2
) -> Tensor:
    """Return the (N,) class indices 0 … C − 1 of any non-negative integer labels, gaps closed, beside the samples.

    Args:
        labels: (N,) integers or booleans. Only which labels are equal counts, not their values.
        samples: the checked tensor with N rows that the labels belong to, if there is one.
        name: the caller's name of the labels, for the messages.
        least_classes: how many different labels the caller needs.

    Raises:
        InputError: labels of another shape or type, negative ones, or too few classes.
    """
    whole = isinstance(labels, Tensor) and not labels.is_floating_point() and not labels.is_complex()
    if not whole or labels.ndim != 1 or len(labels) != len(labels if samples is None else samples) or not len(labels):
        found = (
            f"{labels.dtype} of shape {tuple(labels.shape)}" if isinstance(labels, Tensor) else type(labels).__name__
        )
        beside = "" if samples is None else f", of which there are {len(samples)}"
        raise InputError(
            name,
            f"must be a tensor of one integer for each sample{beside}; found {found}. "
            "Turn class names into indices first.",
        )
    if labels.min() < 0:
        raise InputError(
            name,
            f"must not be negative; found {int(labels.min())}. -1 and -100 commonly mark samples without a "
            "label: drop these samples.",
        )
    classes, indices = torch.unique(labels, return_inverse=True)
    if len(classes) < least_classes:
        raise InputError(
            name,
            f"must hold at least {least_classes} classes; found only the label {int(classes[0])}. A score of "
            "class separation has no meaning for one class.",
        )
    return indices if samples is None else indices.to(samples.device)


def checked_targets(targets: Tensor, samples: Tensor) -> Tensor:
    """Return the float64 target columns (N, T) of class labels, regression targets or a multi-label matrix.

    Raises:
        InputError: targets that are not one number or row per sample, not finite, or a column of zeros only.
    """
    if isinstance(targets, Tensor) and targets.ndim == 1 and not targets.is_floating_point():
        return one_hot(checked_labels(targets, samples, "targets"))
    if not isinstance(targets, Tensor) or targets.ndim not in (1, 2) or len(targets) != len(samples):
        found = f"shape {tuple(targets.shape)}" if isinstance(targets, Tensor) else type(targets).__name__
        raise InputError(
            "targets",
            f"must be a tensor with an integer label, a number or a row of numbers for each of the "
            f"{len(samples)} samples; found {found}.",
        )
    columns = targets.reshape(len(targets), -1)
    columns = checked_features(columns if columns.is_floating_point() else columns.double(), "targets")
    empty = torch.nonzero((columns == 0).all(dim=0)).flatten().tolist()
    if empty:
        raise InputError(
            "targets",
            f"must not hold a column of zeros only; found columns {empty}. Their evidence grows without "
            "bound: drop labels that no sample has.",
        )
    return columns.double().to(samples.device)


def checked_components(components: int) -> int:
    """Return the number of principal components to keep; ValueError below 1."""
    if components < 1:
        raise InputError("components", f"must be at least 1; found {components}.")
    return components


def one_hot(indices: Tensor) -> Tensor:
    """Return the float64 indicator columns (N, C) of class indices."""
    return torch.nn.functional.one_hot(indices).double()


def _with_float64(values: Tensor) -> Tensor:
    # Apple's mps has no float64, in which the scores are computed.
    return values.detach().cpu() if values.device.type == "mps" else values.detach()
