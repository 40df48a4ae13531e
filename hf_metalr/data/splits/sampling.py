"""Drawing a part of a data set, class by class: one drawing for every command."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hf_metalr.data.labels.targets import Targets


def draw_rows(targets: Targets, rows: Sequence[int], size: int | None, seed: int) -> list[int]:
    """Return at most so many of these rows, in their order; see `draw_indices`.

    Numbers are drawn by fifths, several labels by the rarest of a row, masks by the classes in them.
    """
    if size is None or size >= len(rows):
        return list(rows)
    strata = [targets.strata[row] for row in rows]
    return [rows[i] for i in draw_indices([s if isinstance(s, int) else str(s) for s in strata], size, seed)]


def draw_indices(labels: Sequence[Any], size: int, seed: int) -> list[int]:
    """Return the rows of a random part in which every class keeps its share, in the order of the data set.

    The n_c rows of a class are put at (1/2, 3/2, …)/n_c in random order, so the first `size` places hold each class in
    proportion. Labels that are no classes (numbers with a fraction, lists) are drawn without regard to their value.

    >>> labels = [0] * 90 + [1] * 10
    >>> part = draw_indices(labels, 20, seed=0)
    >>> sum(labels[row] for row in part), part == sorted(part)
    (2, True)
    """
    if size >= len(labels):
        return list(range(len(labels)))
    rows = list(range(len(labels)))
    random.Random(seed).shuffle(rows)
    classes = [label if isinstance(label, int | str) else None for label in labels]
    counts, seen = Counter(classes), Counter[Any]()
    places = []
    for row in rows:
        name = classes[row]
        places.append(((seen[name] + 0.5) / counts[name], row))
        seen[name] += 1
    places.sort(key=lambda place: place[0])  # stable: equal places keep their random order
    return sorted(row for _, row in places[:size])
