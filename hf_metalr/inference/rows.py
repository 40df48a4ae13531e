"""From logits to the row of a table: what is answered, and how sure the model is."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hf_metalr.data.images.masks import IGNORED
from hf_metalr.data.labels.labels import SEPARATOR, is_whole_number
from hf_metalr.data.labels.tasks import Task

FILE, PREDICTION = "file", "prediction"
DIGITS = 9  # significant ones of a number; float32 has about 7
THRESHOLD = 0.5  # probability at which one of several labels is given


def header(task: Task, names: list[str]) -> list[str]:
    """Return the columns of the table.

    >>> header(Task("classification", "image"), ["normal", "pneumonia"])
    ['file', 'prediction', 'p_normal', 'p_pneumonia']
    """
    prefix = {"regression": None, "segmentation": "share_"}.get(task.name, "p_")
    return [FILE, PREDICTION, *([] if prefix is None else [f"{prefix}{name}" for name in names])]


def probabilities(task: Task, logits: Tensor, temperature: float = 1.0) -> np.ndarray:
    """Return the probabilities of logits (…, classes), in float64: softmax, or a sigmoid for each of several labels."""
    scaled = logits.double() / temperature
    chosen = torch.sigmoid(scaled) if task.name == "multi-label" else torch.softmax(scaled, dim=-1)
    return chosen.numpy()


def row_of(task: Task, names: list[str], file: str, logits: Tensor, temperature: float = 1.0) -> dict[str, Any]:
    """Return the row of one input.

    Args:
        task: classification, multi-label or regression.
        names: of the outputs.
        file: of the input, or what it is called.
        logits: (outputs,).
        temperature: divides the logits.

    >>> row_of(Task("classification", "image"), ["a", "b"], "x.png", torch.tensor([0.0, 0.0]))
    {'file': 'x.png', 'prediction': 'a', 'p_a': 0.5, 'p_b': 0.5}
    """
    if task.name == "regression":
        return {FILE: file, PREDICTION: _short(float(logits[0]))}
    found = probabilities(task, logits, temperature)
    if task.name == "multi-label":
        answer = SEPARATOR.join(name for name, p in zip(names, found, strict=True) if p > THRESHOLD)
    else:
        answer = names[int(found.argmax())]
    columns = header(task, names)[2:]
    return {FILE: file, PREDICTION: answer} | {name: _short(p) for name, p in zip(columns, found, strict=True)}


def class_map_of(logits: Tensor, size: tuple[int, int], crop: tuple[float, float] | None = None) -> np.ndarray:
    """Return the class number of every pixel of the image, uint8.

    Args:
        logits: (classes, height, width), of a segmentation.
        size: (height, width) of the image.
        crop: shares of height and width, about the middle, that the model saw; the rest is 255. None for all.
    """
    height, width = size if crop is None else (max(1, round(s * c)) for s, c in zip(size, crop, strict=True))
    full = F.interpolate(logits[None].float(), size=(height, width), mode="bilinear", align_corners=False)
    seen = full[0].argmax(dim=0).numpy().astype(np.uint8)
    if crop is None:
        return seen
    whole = np.full(size, IGNORED, dtype=np.uint8)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    whole[top : top + height, left : left + width] = seen
    return whole


def mask_values(names: list[str]) -> list[int]:
    """Return the value in a mask that stands for each class: its name where all are such values, else its number.

    What was trained on masks of 0 and 255 answers with masks of 0 and 255.

    >>> mask_values(["0", "255"]), mask_values(["sky", "road"])
    ([0, 255], [0, 1])
    """
    if all(is_whole_number(name) and 0 <= int(name) <= 255 for name in names):
        return [int(name) for name in names]
    return list(range(len(names)))


def shares(task: Task, names: list[str], classes: np.ndarray) -> dict[str, Any]:
    """Return the share of each class among the pixels of a class map that the model saw."""
    counts = np.bincount(classes.ravel(), minlength=IGNORED + 1)[: len(names)]
    total = max(1, int(counts.sum()))
    return {name: _short(count / total) for name, count in zip(header(task, names)[2:], counts, strict=True)}


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
