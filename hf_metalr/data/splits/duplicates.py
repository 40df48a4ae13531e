"""Inputs that occur more than once, within a split or in two: the commonest leak of small studies, told at once."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hf_metalr.data.images.fingerprint import ALIKE, difference_hash, pixel_key
from hf_metalr.data.images.threads import each
from hf_metalr.data.read import Data
from hf_metalr.data.splits.splits import TRAIN

logger = logging.getLogger(__name__)

MOST_NEAR = 20_000
"""Images beyond which near duplicates are not looked for: each is compared with each, 2 · 10⁸ times here."""

_AT_ONCE = 256  # images compared with all others in one step
_MOST_RECORDED = 1000  # sets


@dataclass(frozen=True)
class Duplicates:
    """Sets of inputs that are the same, or nearly.

    Attributes:
        splits: the rows of each split.
        exact: rows in sets of exactly equal inputs.
        near: rows in sets of inputs that look alike, exactly equal ones included.
        names: of all rows, for messages.
        labels: of all rows, None where they are no single classes.
        what: images or texts.
        searched_near: whether near ones were looked for.
    """

    splits: Mapping[str, Sequence[int]]
    exact: list[list[int]]
    near: list[list[int]]
    names: Mapping[int, str]
    labels: Mapping[int, str] | None
    what: str
    searched_near: bool

    def tell(self) -> None:
        """Log what there is; twins on two sides are warned of."""
        home = {row: name for name, rows in self.splits.items() for row in rows}
        twins = {row: set(rows) for rows in self.near for row in rows}
        equals = {row: set(rows) for rows in self.exact for row in rows}
        order = list(self.splits)
        for place, name in enumerate(order[1:], start=1):
            for other in order[:place]:
                self._tell_leak(name, other, home, twins, equals)
        for name in order:
            inside = [[row for row in rows if home[row] == name] for rows in self.near]
            inside = [rows for rows in inside if len(rows) > 1]
            if inside:
                same = sum(len({*rows} & equals.get(row, set())) > 1 for rows in inside for row in rows)
                logger.info(
                    "%s: %d %s in %d sets of alike ones (%d exactly), such as %s",
                    name, sum(map(len, inside)), self.what, len(inside), same, self._pair(inside[0]),
                )  # fmt: skip
        self._tell_labels()
        if not self.searched_near:
            logger.info("more than %d images: only exact duplicates were looked for", MOST_NEAR)

    def _tell_leak(
        self,
        name: str,
        other: str,
        home: Mapping[int, str],
        twins: Mapping[int, set[int]],
        equals: Mapping[int, set[int]],
    ) -> None:
        found = {
            row: next((t for t in sorted(twins.get(row, ())) if home[t] == other), None) for row in self.splits[name]
        }
        leaks = {row: twin for row, twin in found.items() if twin is not None}
        if not leaks:
            return
        exact = sum(any(home[t] == other for t in equals.get(row, ())) for row in leaks)
        row, twin = next(iter(leaks.items()))
        kinds = f"{exact} exactly alike, {len(leaks) - exact} nearly" if self.what == "images" else "exactly alike"
        flatter = "scores flatter" if other == TRAIN else "the two are not independent"
        logger.warning(
            "%d of %d %s of %s have a twin in %s (%s), such as '%s' and '%s': %s. Remove one of each, or keep them on "
            "one side with a group",
            len(leaks), len(self.splits[name]), self.what, name, other, kinds, self.names[row], self.names[twin],
            flatter,
        )  # fmt: skip

    def _tell_labels(self) -> None:
        if self.labels is None:
            return
        odd = [rows for rows in self.exact if len({self.labels[row] for row in rows}) > 1]
        if odd:
            first = odd[0][0]
            second = next(row for row in odd[0] if self.labels[row] != self.labels[first])
            logger.warning(
                "%d sets of exactly alike %s have different labels, such as '%s' (%s) and '%s' (%s)",
                len(odd), self.what, self.names[first], self.labels[first], self.names[second], self.labels[second],
            )  # fmt: skip

    def _pair(self, rows: Sequence[int]) -> str:
        return " and ".join(f"'{self.names[row]}'" for row in rows[:2])

    def to_dict(self) -> dict[str, Any]:
        """Return all sets for JSON, of each row its split and name."""
        home = {row: name for name, rows in self.splits.items() for row in rows}

        def listed(sets: list[list[int]]) -> list[list[dict[str, str]]]:
            return [[{"split": home[row], "name": self.names[row]} for row in rows] for rows in sets[:_MOST_RECORDED]]

        return {"exact": listed(self.exact), "near": listed(self.near) if self.searched_near else None}


def find_duplicates(data: Data, splits: Mapping[str, Sequence[int]]) -> Duplicates:
    """Look at every input of the splits once, and return those that occur more than once.

    Images are compared by their decoded pixels and by a small perceptual hash; texts by their words.

    Args:
        data: all rows; those of the splits can be read.
        splits: rows of each.
    """
    rows = [row for own in splits.values() for row in own]
    image = data.task.modality == "image"
    hashes: list[Any] = []
    if image:
        seen = list(each(lambda row: _look(data, row), rows, "looking for duplicates"))
        keys: list[Any] = [key for key, _ in seen]
        hashes = [found for _, found in seen]
    else:
        keys = [" ".join(" ".join(texts).split()) for texts in zip(*data.inputs(rows), strict=True)]
    exact = _sets(rows, keys)
    near, searched = exact, image and len(rows) <= MOST_NEAR
    if searched:
        near = _near(rows, keys, hashes)
    names = _names(data)
    labels = None
    if data.task.name == "classification":
        labels = {row: data.targets.names[data.targets.values[row]] for row in rows}
    what = "images" if image else "texts"
    return Duplicates(splits, exact, near, names, labels, what, searched or not image)


def _look(data: Data, row: int) -> tuple[bytes, np.ndarray | None]:
    image = data.inputs([row])[0][0]
    return pixel_key(image), difference_hash(image)


def _names(data: Data) -> dict[int, str]:
    return {row: file or data.table.name(row) for row, file in enumerate(data.table.files())}


def _sets(rows: Sequence[int], keys: Sequence[Any]) -> list[list[int]]:
    found: dict[Any, list[int]] = {}
    for row, key in zip(rows, keys, strict=True):
        found.setdefault(key, []).append(row)
    return [same for same in found.values() if len(same) > 1]


def _near(rows: Sequence[int], keys: Sequence[Any], hashes: Sequence[np.ndarray | None]) -> list[list[int]]:
    """Return the connected sets of images whose hashes differ in few bits, or whose keys are equal."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbers: dict[Any, int] = {}
    own = [numbers.setdefault(key, len(numbers)) for key in keys]  # one number for exactly equal ones
    known = {number: found for number, found in zip(own, hashes, strict=True) if found is not None}
    places, stack = np.array(list(known), dtype=np.int64), np.array(list(known.values()), dtype=np.uint64)
    left, right = [], []
    for start in range(0, len(places), _AT_ONCE):
        part = stack[start : start + _AT_ONCE]
        distances = np.zeros((len(part), len(stack) - start), dtype=np.uint16)
        for word in range(stack.shape[1]):
            distances += np.bitwise_count(part[:, None, word] ^ stack[None, start:, word])
        first, second = np.nonzero(distances <= ALIKE)
        left.append(places[start + first])
        right.append(places[start + second])
    if not left:
        return _sets(rows, keys)
    pairs = np.concatenate(left), np.concatenate(right)
    graph = coo_array((np.ones(len(pairs[0]), dtype=np.int8), pairs), shape=(len(numbers), len(numbers)))
    _, components = connected_components(graph, directed=False)
    return _sets(rows, [int(components[number]) for number in own])
