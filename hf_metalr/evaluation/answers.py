"""What a model answers to rows with labels, in arrays: outputs, truth, and what the metrics need of them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hf_metalr.data.images.masks import IGNORED, class_map
from hf_metalr.data.inputs.prepare import TextPreparation
from hf_metalr.data.labels.labels import is_whole_number
from hf_metalr.data.labels.targets import model_places
from hf_metalr.data.labels.tasks import Task
from hf_metalr.data.read import Data
from hf_metalr.data.words import show
from hf_metalr.errors import InputError
from hf_metalr.evaluation.rows import Chosen
from hf_metalr.evaluation.scores import ClassScores, LabelScores, NumberScores, OverlapScores
from hf_metalr.inference.rows import probabilities
from hf_metalr.inference.served import Served
from hf_metalr.inference.stream import Answer, stream_answers
from hf_metalr.metrics.segmentation import confusion_matrix
from hf_metalr.training.scoring import class_maps

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answers:
    """What a model answered to rows, in their order.

    Attributes:
        task: what was asked.
        names: of the classes or labels, in the model's order.
        logits: (N, outputs) float64, divided by the temperature; of a segmentation empty.
        truth: (N,) class numbers or numbers, (N, L) labels; of a segmentation empty.
        overlaps: of a segmentation (3, N, C): pixels right, of the class, and called so.
        matrix: (C, C) pixels by true and answered class, of a segmentation.
    """

    task: Task
    names: list[str]
    logits: np.ndarray
    truth: np.ndarray
    overlaps: np.ndarray | None = None
    matrix: np.ndarray | None = None

    @property
    def probabilities(self) -> np.ndarray:
        """Return (N, outputs) probabilities."""
        return probabilities(self.task, torch.from_numpy(self.logits))

    @property
    def answers(self) -> np.ndarray:
        """Return what is answered: class numbers, rows of 0 and 1, or numbers."""
        if self.task.name == "classification":
            return self.logits.argmax(axis=1)
        return (self.logits > 0).astype(np.int64) if self.task.name == "multi-label" else self.logits[:, 0]

    def scores(self) -> Any:
        """Return the metrics as a function of weighted rows; see `hf_metalr.evaluation.scores`."""
        if self.task.name == "classification":
            return ClassScores(log_odds(self.logits), self.truth, self.answers)
        if self.task.name == "multi-label":
            return LabelScores(self.logits, self.truth)
        if self.task.name == "regression":
            return NumberScores(self.logits[:, 0], self.truth)
        assert self.overlaps is not None
        return OverlapScores(*self.overlaps)

    def part(self, rows: np.ndarray) -> "Answers":
        """Return the answers to some of the rows."""
        if self.overlaps is not None:
            return Answers(self.task, self.names, self.logits, self.truth, self.overlaps[:, rows])
        return Answers(self.task, self.names, self.logits[rows], self.truth[rows])


def log_odds(logits: np.ndarray) -> np.ndarray:
    """Return log(p_c / (1 − p_c)) of every class: the order of its probability, without ties where that rounds to 1."""
    others = [np.logaddexp.reduce(np.delete(logits, column, axis=1), axis=1) for column in range(logits.shape[1])]
    return logits - np.stack(others, axis=1)


def ask(served: Served, chosen: Chosen, batch_size: int, temperature: float = 1.0) -> Answers:
    """Return what a model answers to rows.

    Raises:
        InputError: other classes than the model's, or answers that are no numbers.
    """
    if served.task.name == "segmentation":
        return _ask_for_masks(served, chosen, batch_size)
    truth = _truth(served, chosen)

    def read(row: int) -> tuple[Any, ...]:
        return tuple(column[0] for column in chosen.data.inputs([row]))

    if isinstance(served.prepare, TextPreparation):
        served.prepare.count_cut(*chosen.data.inputs(chosen.rows))
    logits = []
    for answers in stream_answers(served, read, chosen.rows, batch_size):
        for answer in answers:
            logits.append(_require_numbers(served, chosen.data, answer).double().numpy() / temperature)
    return Answers(served.task, served.names, np.stack(logits), truth)


def _truth(served: Served, chosen: Chosen) -> np.ndarray:
    targets = chosen.data.targets
    values = [targets.values[row] for row in chosen.rows]
    if served.task.name == "regression":
        return np.array(values, dtype=np.float64)
    places, by = model_places(targets, dict(enumerate(served.names)))
    if by != "name":
        pairs = ", ".join(f"{targets.names[number]} = {served.names[place]}" for number, place in places.items())
        logger.log(
            logging.WARNING if by == "order" else logging.INFO,
            "the model has no such names: classes are matched by their %s, %s%s",
            by,
            pairs,
            ". Whether this is the order that it was trained in cannot be told" if by == "order" else "",
        )
    if served.task.name == "classification":
        truth = np.array([places[value] for value in values], dtype=np.int64)
        _tell_absent(served, set(truth.tolist()))
        if len(set(truth.tolist())) < 2:
            only = served.names[int(truth[0])]
            raise InputError(
                "data",
                f"must have rows of at least two classes to be evaluated, found '{only}' alone in {len(truth)} rows. "
                "Add others, or count the answers of `hf-metalr predict`.",
            )
        return truth
    rows = np.zeros((len(values), len(served.names)), dtype=np.int64)
    for number, place in places.items():
        rows[:, place] = [row[number] for row in values]
    _tell_absent(served, set(np.flatnonzero(rows.any(axis=0)).tolist()))
    return rows


def _tell_absent(served: Served, present: set[int]) -> None:
    absent = [name for number, name in enumerate(served.names) if number not in present]
    if absent:
        logger.info("classes of the model that no evaluated row has: %s", show(absent))


def _require_numbers(served: Served, data: Data, answer: Answer) -> torch.Tensor:
    if answer.logits is None:
        name = data.table.files()[answer.row] or data.table.name(answer.row)
        raise InputError(
            None, f"'{served.source}', '{name}': {answer.reason}. Did its training diverge? Look at its weights."
        )
    return answer.logits


def mask_numbers(served: Served, data: Data) -> dict[int, int]:
    """Return the model's class of every value in the masks.

    A model whose classes are called by numbers means these values; of others a value is the number of the class, or,
    where the processor says so (`do_reduce_labels`, ADE20k), one more, and 0 does not count.

    Raises:
        InputError: a value that the model does not know.
    """
    values = list(data.targets.mask_values)
    if all(is_whole_number(name) for name in served.names):
        numbers = {int(name): number for number, name in enumerate(served.names)}
        found: Mapping[int, int] = {value: numbers[value] for value in values if value in numbers}
    else:
        shift = int(bool(getattr(served.prepare.processor, "do_reduce_labels", False)))  # type: ignore[union-attr]
        found = {value: value - shift for value in values if shift <= value < len(served.names) + shift}
        if shift:
            values = [value for value in values if value]
            logger.info("masks: 0 does not count, and value 1 is the first class (do_reduce_labels of the processor)")
        pairs = ", ".join(f"{value} = {served.names[number]}" for value, number in found.items())
        logger.info("masks: values are matched with the model's classes by number, %s", pairs)
    strange = [str(value) for value in values if value not in found]
    if strange:
        raise InputError(
            "label_column",
            f"has values in its masks that the model does not know: {show(strange)}. It has {len(served.names)} "
            f"classes: {show(served.names)}. Write the masks with the values that it was trained on.",
        )
    return dict(found)


def _ask_for_masks(served: Served, chosen: Chosen, batch_size: int) -> Answers:
    numbers, size = mask_numbers(served, chosen.data), len(served.names)
    served.prepare.processor.do_reduce_labels = False  # type: ignore[union-attr]  # done by the numbers

    def read(row: int) -> tuple[Any, ...]:
        (image,) = chosen.data.inputs([row])
        return image[0], class_map(checked_mask(chosen.data, row, image[0]), numbers)

    overlaps = np.zeros((3, len(chosen.rows), size), dtype=np.int64)
    matrix, place = np.zeros((size, size), dtype=np.int64), 0
    for answers in stream_answers(served, read, chosen.rows, batch_size):
        for answer in answers:
            logits = _require_numbers(served, chosen.data, answer)
            assert answer.labels is not None
            found = class_maps(logits[None], answer.labels[None])[0].numpy()
            own = confusion_matrix(found, np.asarray(answer.labels), size, IGNORED)
            overlaps[:, place] = own.diagonal(), own.sum(axis=1), own.sum(axis=0)
            matrix, place = matrix + own, place + 1
    empty = np.zeros((0, size))
    return Answers(served.task, served.names, empty, empty, overlaps, matrix)


def checked_mask(data: Data, row: int, image: Any) -> np.ndarray:
    """Return the values of a mask.

    Raises:
        InputError: it has another size than its image.
    """
    values: np.ndarray = data.mask(row)
    if values.shape[::-1] != image.size:
        name = data.table.files()[row] or data.table.name(row)
        raise InputError(
            "label_column", f"'{name}': its mask must have the image's size {image.size}, found {values.shape[::-1]}."
        )
    return values
