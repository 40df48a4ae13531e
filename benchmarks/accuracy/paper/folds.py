"""A data set in folds: each fold is the test split once, the next one the validation split, the rest is trained on."""

from collections.abc import Iterable

import torch
from sklearn.model_selection import StratifiedGroupKFold

from benchmarks.accuracy.splits import Split, require_disjoint_groups


def pooled(splits: Iterable[Split]) -> Split:
    """Return the samples of several splits as one."""
    parts = list(splits)
    rows = (torch.cat([getattr(part, name) for part in parts]) for name in ("inputs", "labels", "groups"))
    return Split(*rows)


def fold_numbers(pool: Split, folds: int, seed: int) -> torch.Tensor:
    """Return the fold of each sample, shape (N,): whole groups, the classes in the proportions of the pool.

    Raises:
        ValueError: fewer groups than folds.
    """
    count = len(pool.groups.unique())
    if not 2 <= folds <= count:
        raise ValueError(f"folds must be from 2 to the number of groups, {count}; found {folds}.")
    numbers = torch.full((len(pool),), -1)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for number, (_, rows) in enumerate(splitter.split(pool.labels, pool.labels, pool.groups)):
        numbers[rows] = number
    return numbers


def split_at_fold(pool: Split, numbers: torch.Tensor, fold: int) -> dict[str, Split]:
    """Return the splits at which one fold is tested.

    Raises:
        ValueError: samples that belong together would lie in two splits.
    """
    folds = int(numbers.max()) + 1
    test, validation = numbers == fold, numbers == (fold + 1) % folds
    chosen = {"train": ~(test | validation), "validation": validation, "test": test}
    splits = {name: Split(pool.inputs[rows], pool.labels[rows], pool.groups[rows]) for name, rows in chosen.items()}
    require_disjoint_groups(splits)
    return splits
