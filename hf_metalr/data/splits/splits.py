"""Who trains, who validates, who tests: stratified, and with no group on two sides."""

import warnings
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from hf_metalr.errors import InputError, Parameter

TRAIN, VALIDATION, TEST = "train", "validation", "test"
# How finely a group-wise split can hit a wanted share; more folds leave too few groups in each.
MOST_FOLDS = 20
# Numbers are stratified by quantiles: five bins even out a target's distribution without starving a bin.
QUANTILES = 5


def split_rows(
    rows: Sequence[int],
    strata: Sequence[Hashable],
    share: float,
    split_seed: int = 0,
    groups: Sequence[Hashable] | None = None,
) -> tuple[list[int], list[int]]:
    """Divide rows at random into a rest and a part of the given share.

    Every stratum is divided by the same share as nearly as it can be; strata too small for that are taken as one.
    With groups (patients), all rows of one stay together, and the share is met as nearly as whole groups allow.

    Args:
        rows: numbers of the rows to divide.
        strata: of every row of the table, what is to be spread evenly, such as its class.
        share: of the part, strictly between 0 and 1.
        split_seed: of the random choice.
        groups: of every row of the table, what must stay on one side; None for single rows.

    Returns:
        The rest and the part, each in ascending order.

    Raises:
        InputError: a share out of range, or too few rows or groups for two sides.

    Example:
        >>> rest, part = split_rows(range(10), [0] * 8 + [1] * 2, 0.5)
        >>> len(part), sum(row >= 8 for row in part)
        (5, 1)
    """
    if not 0 < share < 1:
        raise InputError(None, f"The share of a split must lie strictly between 0 and 1, found {share}.")
    numbers = np.asarray(rows)
    if groups is None:
        rest, part = _split_single(numbers, [strata[row] for row in rows], share, split_seed)
    else:
        rest, part = _split_groups(
            numbers, [strata[row] for row in rows], [groups[row] for row in rows], share, split_seed
        )
    return sorted(rest.tolist()), sorted(part.tolist())


def make_splits(
    given: Sequence[str | None],
    strata: Sequence[Hashable],
    validation: float,
    test: float,
    split_seed: int = 0,
    groups: Sequence[Hashable] | None = None,
) -> dict[str, list[int]]:
    """Return the rows of training, validation and test. Splits that the data have are kept.

    A missing validation or test split is taken out of the training rows, where its share is above 0.

    Args:
        given: of every row the split that it is in (train, validation or test); None where the data have none.
        strata: of every row, what is to be spread evenly.
        validation: share of the rows that are divided, 0 for none.
        test: likewise.
        split_seed: of the random choices; one of their own, so that another seed of the training changes no split.
        groups: of every row, what must stay on one side; None for single rows.

    Raises:
        InputError: no training rows, shares that leave none, or too few rows or groups.

    Example:
        >>> splits = make_splits([None] * 10, [0, 1] * 5, validation=0.2, test=0.2)
        >>> {name: len(rows) for name, rows in splits.items()}
        {'train': 6, 'validation': 2, 'test': 2}
    """
    splits: dict[str, list[int]] = {}
    for row, name in enumerate(given):
        splits.setdefault(name or TRAIN, []).append(row)
    if TRAIN not in splits:
        raise InputError(
            "data",
            f"must have a split to train on, found only {', '.join(splits)}. Add one, or choose the one to divide by ",
            Parameter("split"),
            ".",
        )
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise InputError(
            "validation_size",
            "and ",
            Parameter("test_size"),
            f" must be at least 0 and together below 1, found {validation} and {test}. Lower them.",
        )
    left = 1.0
    for name, share in ((TEST, test), (VALIDATION, validation)):
        if share and name not in splits:
            splits[TRAIN], splits[name] = split_rows(splits[TRAIN], strata, share / left, split_seed, groups)
            left -= share
    return {name: splits[name] for name in (TRAIN, VALIDATION, TEST) if name in splits}


def quantile_strata(values: Sequence[float]) -> list[int]:
    """Return for each number which fifth of all it belongs to, so that a split can be even in them.

    >>> quantile_strata([1.0, 2.0, 3.0, 4.0, 5.0])
    [0, 1, 2, 3, 4]
    """
    edges = np.quantile(values, np.linspace(0, 1, QUANTILES + 1)[1:-1])
    return np.searchsorted(edges, values, side="right").tolist()


def groups_on_two_sides(splits: Mapping[str, Sequence[int]], groups: Sequence[Hashable]) -> list[Hashable]:
    """Return the groups with rows in more than one split.

    >>> groups_on_two_sides({"train": [0, 1], "test": [2]}, ["a", "b", "b"])
    ['b']
    """
    sides: dict[Hashable, set[str]] = {}
    for name, rows in splits.items():
        for row in rows:
            sides.setdefault(groups[row], set()).add(name)
    return [group for group, names in sides.items() if len(names) > 1]


def _split_single(rows: np.ndarray, strata: list[Hashable], share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import train_test_split

    size = round(len(rows) * share)
    if not 0 < size < len(rows):
        raise InputError(
            None,
            f"A share of {share:g} of {len(rows)} rows leaves one side of a split empty. Add data, or choose another ",
            Parameter("validation_size"),
            " or ",
            Parameter("test_size"),
            ".",
        )
    pooled = _pooled(strata, least=2)
    even = len(set(pooled)) <= min(size, len(rows) - size)  # each side has room for every stratum
    rest, part = train_test_split(rows, test_size=size, random_state=seed, stratify=pooled if even else None)
    return rest, part


def _split_groups(
    rows: np.ndarray, strata: list[Hashable], groups: list[Hashable], share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import StratifiedGroupKFold

    count = len(set(groups))
    if count < 2:
        raise InputError(
            None,
            f"A split by groups needs at least two of them, found {count} in {len(rows)} rows. Choose another column.",
        )
    numbers = _numbered(groups)
    pooled = _pooled(strata, least=2)
    folds = max(2, min(MOST_FOLDS, count, max(Counter(pooled).values())))
    wanted = min(max(1, round(share * folds)), folds - 1)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")  # spread as far as it goes
        parts = [part for _, part in splitter.split(rows, pooled, numbers)]
    # Folds differ in size where groups do, and some may be empty: take folds until the share is met.
    chosen = np.concatenate(_nearest_union(parts, share * len(rows), wanted))
    if not 0 < len(chosen) < len(rows):
        raise InputError(
            None,
            f"{count} groups of {len(rows)} rows cannot be divided so that a share of {share} is apart: one side "
            "would be empty. Add groups, or choose another share.",
        )
    return np.delete(rows, chosen), rows[chosen]


def _nearest_union(parts: list[np.ndarray], size: float, wanted: int) -> list[np.ndarray]:
    """Return the first folds whose union is nearest to a size; at least one with rows, and never all."""
    filled = [part for part in parts if len(part)]
    sums = np.cumsum([len(part) for part in filled])[:-1]
    if not len(sums):
        return filled[:wanted]
    return filled[: int(np.abs(sums - size).argmin()) + 1]


def _pooled(strata: list[Hashable], least: int) -> list[int]:
    """Number the strata; those with fewer rows than `least` become one, or join the largest if they still are few."""
    counts = Counter(strata)
    rare = {stratum for stratum, count in counts.items() if count < least}
    numbers = {stratum: number for number, stratum in enumerate(counts)}
    home = -1 if sum(counts[stratum] for stratum in rare) >= least else numbers[counts.most_common(1)[0][0]]
    return [home if stratum in rare else numbers[stratum] for stratum in strata]


def _numbered(values: list[Hashable]) -> list[int]:
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return [numbers[value] for value in values]
