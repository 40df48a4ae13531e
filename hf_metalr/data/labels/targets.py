"""What is to be learned, in one form for training, ranking and transferability."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hf_metalr.data.labels.labels import is_whole_number
from hf_metalr.errors import InputError

SHOWN = 5  # of strange classes in a message


@dataclass(frozen=True)
class Targets:
    """What is to be learned, for every row of a table.

    Attributes:
        values: class number, row of 0.0 and 1.0, or number, of every row; for masks the classes in it.
        names: the classes or labels in the order of their numbers; for a regression the column.
        strata: of every row, what splits are to spread evenly.
        mask_values: for masks, the class number of every value that occurs; empty otherwise.
        pixels: for masks, how many pixels of every class each row has; empty otherwise.
        notes: what is to be told, such as what was taken for the same class.
    """

    values: list[Any]
    names: list[str]
    strata: list[Hashable]
    mask_values: dict[int, int] = field(default_factory=dict)
    pixels: list[list[int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def unseen(self, rows: Sequence[int]) -> list[str]:
        """Return the names of the classes or labels that none of these rows has.

        >>> Targets([0, 2, 1], ["a", "b", "c"], []).unseen([0, 1])
        ['b']
        """
        counts = self.counts(rows)
        return [name for name in self.names if counts and not counts[name]]

    def counts(self, rows: Sequence[int]) -> dict[str, int]:
        """Return in how many of these rows each class or label occurs; empty for a regression.

        >>> Targets([0, 2, 2], ["a", "b", "c"], []).counts([1, 2])
        {'a': 0, 'b': 0, 'c': 2}
        """
        counts: Counter[int] = Counter()
        for value in (self.values[row] for row in rows):
            if isinstance(value, float):
                return {}  # a number is no class
            if isinstance(value, int):
                counts[value] += 1
            else:
                counts.update(value if self.pixels else np.flatnonzero(value).tolist())
        return {name: counts[number] for number, name in enumerate(self.names)}

    def far_from_unit_spread(self, rows: Sequence[int]) -> bool:
        """Return whether these rows of a regression have a mean beyond ±10 or a standard deviation outside 0.1 … 10.

        A new output layer starts near 0. The factor of ten is a choice: what lies within is reached in a few steps.

        >>> Targets([0.5, -1.0], ["x"], []).far_from_unit_spread([0, 1])
        False
        >>> Targets([40.0, 95.0], ["age"], []).far_from_unit_spread([0, 1])
        True
        """
        values = [self.values[row] for row in rows]
        if not all(isinstance(value, float) for value in values):
            return False
        return bool(abs(np.mean(values)) > 10 or not 0.1 <= np.std(values) <= 10)


def as_tensor(targets: Targets) -> Any:
    """Return class indices (N,) of int64, numbers (N,) of float32, or a matrix (N, C) of 0 and 1 of float32.

    Raises:
        InputError: masks, which are no targets of samples.
    """
    import torch

    if targets.pixels:
        raise InputError("label_column", "holds masks, which have no single target per sample. Name another column.")
    return torch.tensor(targets.values, dtype=torch.long if isinstance(targets.values[0], int) else torch.float32)


def in_model_order(targets: Targets, id2label: Mapping[int, str]) -> list[Any]:
    """Return the values of all rows with classes and labels numbered as a model numbers them.

    That is by their names, where the model has them; of a model without names by their numbers, where the data hold
    whole numbers, or else in the order of the data.

    Args:
        targets: of a classification, multi-label task or regression.
        id2label: of the model's configuration.

    Raises:
        InputError: the data have a class that the model does not know, or more than it has.
    """
    first = targets.values[0]
    if isinstance(first, float):
        return list(targets.values)
    places, _ = model_places(targets, id2label)
    if isinstance(first, int):
        return [places[value] for value in targets.values]
    rows = np.zeros((len(targets.values), len(id2label)), dtype=np.float32)
    for number, place in places.items():
        rows[:, place] = [row[number] for row in targets.values]
    return rows.tolist()


def model_places(targets: Targets, id2label: Mapping[int, str]) -> tuple[dict[int, int], str]:
    """Return the model's number of every class or label that occurs, and by what they were matched.

    That is by "name", by "number" (the data hold whole numbers), or, of a model without names, by "order".

    Raises:
        InputError: the data have a class that the model does not know, or more than it has.
    """
    counts = targets.counts(range(len(targets.values)))
    occurring = {number: name for number, name in enumerate(targets.names) if counts[name]}
    numbers = {name: number for number, name in id2label.items()}
    if set(occurring.values()) <= set(numbers):
        return {number: numbers[name] for number, name in occurring.items()}, "name"
    unnamed = all(is_whole_number(str(name).removeprefix("LABEL_")) for name in numbers)
    whole = all(is_whole_number(name) for name in occurring.values())
    places = {number: int(name) if whole else number for number, name in occurring.items()}
    if (unnamed or whole) and all(0 <= place < len(numbers) for place in places.values()):
        return places, "number" if whole else "order"
    strange = [name for name in occurring.values() if name not in numbers]
    folded = {name.casefold() for name in numbers}
    same = "They differ in capital letters alone. " if all(name.casefold() in folded for name in strange) else ""
    raise InputError(
        "label_column",
        f"has classes that the model does not know: {_some(strange)}. It has {len(numbers)}: {_some(list(numbers))}. "
        f"{same}Is it the model that was fine-tuned on these data? Name them alike in the data.",
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + ", …" * (len(names) > SHOWN)
