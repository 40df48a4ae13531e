"""A linear probe: a ridge classifier on the features, judged on samples that it did not see."""

import warnings

import torch
from torch import Tensor

from hf_metalr.errors import InputError
from hf_metalr.scores.checks import checked_features, checked_labels, one_hot
from hf_metalr.scores.spectrum import centred, narrowed

# Ridge strengths tried, in units of the largest eigenvalue of the centred FᵀF. The weakest is 1e10 times the rounding
# of the eigenvalues, which is why FᵀF is good enough here; the strongest leaves the class shares alone.
_RIDGES = torch.logspace(-6, 2, 17, dtype=torch.float64)


def linear_probe_accuracy(features: Tensor, labels: Tensor, folds: int = 5, seed: int = 0) -> float:
    """Return the accuracy of a linear classifier on held-out samples: the share of `linear_probe_hits`, from 0 to 1.

    Compare it with the chance level, the share of the most frequent class. Higher is better. On pure noise it
    stays at chance for any number of channels, with 1.3 times the spread of a coin: the hits of a fold share a fit.

    >>> features = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    >>> linear_probe_accuracy(features, torch.tensor([0, 0, 1, 1]), folds=2)
    1.0
    """
    return float(linear_probe_hits(features, labels, folds, seed).double().mean())


def linear_probe_hits(
    features: Tensor, labels: Tensor, folds: int = 5, seed: int = 0, groups: Tensor | None = None
) -> Tensor:
    """Say of each sample whether a ridge classifier fitted without its fold gives its label; a boolean tensor (N,).

    The classifier regresses the 0/1 columns of the classes on the features with an intercept,
    ``W = (XᵀX + ρI)⁻¹ XᵀY`` on centred X and Y, and answers with the class of the largest column. One ``ρ`` for all
    classes is chosen inside the training folds, by generalised cross-validation,

        GCV(ρ) = ‖Y − Ŷ‖² / (1 − (1 + Σ_i λ_i/(λ_i + ρ))/N)²

    over 17 strengths from 1e-6 to 1e2 times the largest eigenvalue ``λ_i`` of XᵀX. The folds are stratified: of each
    class, no two folds differ by more than one sample. (Leaving out one sample at a time would fall below chance on
    balanced noise, because the training set always lacks the class that is asked for.)

    Unchanged by rotation, shift, a common scale, duplication and zero padding of the channels. A class with a
    single sample is never hit.

    Args:
        features: (N, D), any floating dtype, any device; computed in float64. Constant channels do not count.
        labels: (N,) non-negative integers, at least two classes; gaps are allowed.
        folds: number of parts, from 2 to N; each is held out once.
        seed: of the draw of the folds. The global random state is left alone.
        groups: (N,) integers, such as patients: no two folds share one, and classes are spread as far as that allows.
            None: no groups.

    Raises:
        InputError: features that are not a finite matrix, labels that are not two or more classes of its rows, or
            folds out of range.
    """
    features = checked_features(features)
    labels = checked_labels(labels, features)
    if not 2 <= folds <= len(features):
        raise InputError("folds", f"must be from 2 to {len(features)}, the number of samples; found {folds}.")
    channels, targets = narrowed(centred(features)), one_hot(labels)
    fold_of = _stratified_folds(labels, folds, seed) if groups is None else _group_folds(labels, groups, folds, seed)
    answers = torch.empty_like(labels)
    for fold in range(folds):
        held_out = fold_of == fold
        if not held_out.any():  # a fold that no group was left for
            continue
        scores = _ridge(channels[~held_out], targets[~held_out], channels[held_out])
        answers[held_out] = scores.argmax(dim=1)
    return answers == labels


def _stratified_folds(labels: Tensor, folds: int, seed: int) -> Tensor:
    """Deal the samples, class by class and in random order within each, to the folds in turn; (N,) fold numbers."""
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed)).to(labels.device)
    by_class = shuffled[labels[shuffled].argsort(stable=True)]
    fold_of = torch.empty_like(labels)
    fold_of[by_class] = torch.arange(len(labels), device=labels.device) % folds
    return fold_of


def _group_folds(labels: Tensor, groups: Tensor, folds: int, seed: int) -> Tensor:
    """Deal whole groups to the folds so that classes are spread; (N,) fold numbers."""
    from sklearn.model_selection import StratifiedGroupKFold

    if folds > len(torch.unique(groups)):
        raise InputError("folds", f"must be at most {len(torch.unique(groups))}, the number of groups; found {folds}.")
    fold_of = torch.empty_like(labels)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")  # spread as far as it goes
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        for fold, (_, rows) in enumerate(splitter.split(labels.cpu(), labels.cpu(), groups.cpu())):
            fold_of[torch.from_numpy(rows)] = fold
    return fold_of


def _ridge(seen: Tensor, targets: Tensor, unseen: Tensor) -> Tensor:
    """Fit on seen samples and return the class scores of the unseen ones, (unseen, C)."""
    center, shares = seen.mean(dim=0), targets.mean(dim=0)
    seen, targets = seen - center, targets - shares
    eigenvalues, axes = torch.linalg.eigh(seen.T @ seen)
    eigenvalues = eigenvalues.clamp_min(0)
    along = axes.T @ (seen.T @ targets)
    strength = _best_ridge(eigenvalues, along, targets)
    return (unseen - center) @ (axes @ (along / (eigenvalues + strength)[:, None])) + shares


def _best_ridge(eigenvalues: Tensor, along: Tensor, targets: Tensor) -> Tensor:
    """Return the ridge with the least generalised cross-validation error; ``along`` holds ``Vᵀ Xᵀ Y``."""
    samples = len(targets)
    largest = eigenvalues.max() if len(eigenvalues) else targets.new_zeros(())
    ridges = _RIDGES.to(targets.device) * torch.where(largest > 0, largest, 1.0)
    kept = eigenvalues / (eigenvalues + ridges[:, None])  # (ridges, channels)
    # ‖Y − Ŷ‖² = ‖Y‖² − Σ_i ‖along_i‖² (1 + ρ/(λ_i + ρ)) / (λ_i + ρ)
    explained = (2 - kept) / (eigenvalues + ridges[:, None]) @ along.square().sum(dim=1)
    error = (targets.square().sum() - explained).clamp_min(0)
    return ridges[(error / (1 - (1 + kept.sum(dim=1)) / samples).square()).argmin()]
