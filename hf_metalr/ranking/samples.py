"""The data set of a ranking, checked before any model is loaded: which column is what, and what it holds."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import datasets
import PIL.Image
import torch
from torch import Tensor

from hf_metalr.eight_bits import require_eight_bits
from hf_metalr.ranking.targets import Task, of_kept_rows, read_targets

Modality = Literal["image", "text"]
# PIL raises SyntaxError for broken PNG chunks.
_UNREADABLE = (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError)
_LABEL_NAMES = ("label", "labels", "target", "targets")


@dataclass(frozen=True)
class Samples:
    """Inputs and targets, row by row.

    Attributes:
        inputs: the input column alone, images not decoded.
        modality: what the inputs are.
        targets: (N,) class indices, (N,) numbers, or an (N, C) matrix of 0 and 1.
        task: what the targets are.
        rows: the row of each sample in the user's data set, for messages.
        fingerprint: a hash of all inputs.
        copies: how many rows were left out, because an earlier one holds the same input.
        classes: their names, where the data have names.
    """

    inputs: datasets.Dataset
    modality: Modality
    targets: Tensor
    task: Task
    rows: Sequence[int]
    fingerprint: str
    copies: int = 0
    classes: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def batch(self, start: int, stop: int) -> list[Any]:
        """Return texts or decoded RGB images.

        Raises:
            ValueError: an image cannot be decoded; the message names its row.
        """
        stored = self.inputs[start:stop]["input"]
        if self.modality == "text":
            return list(stored)
        return [_decoded(image, self.rows[start + position]) for position, image in enumerate(stored)]


def read_samples(
    dataset: Any, input_column: str | None, label_column: str | None, max_samples: int | None, seed: int
) -> Samples:
    """Find and check the columns, draw at most `max_samples` rows, and look at every input.

    Of classes each keeps its share in the draw. Formats and transforms of the data set are passed over. Of rows with
    the same input the first is kept: leave-one-out and cross-validation would find the copy of what they leave out, and
    with more channels than samples the evidence of a linear model is infinite where one sample occurs twice.

    Raises:
        ValueError: no map-style data set, no or several candidates for a column, targets that cannot be scored, or
            inputs that are missing or no images.
    """
    _require_dataset(dataset)
    if max_samples is not None and max_samples < 2:
        raise ValueError(f"`max_samples` must be at least 2, found {max_samples}.")
    plain = dataset.with_format(None)
    label_column = _label_column(plain, label_column)
    input_column, modality = _input_column(plain, input_column, label_column)
    targets, task = read_targets(plain, label_column)
    rows = list(range(len(plain)))
    if max_samples is not None and max_samples < len(plain):
        rows = _drawn_rows(targets, task, max_samples, seed)
        targets = targets[rows]
        plain = plain.select(rows)
    inputs = plain.select_columns([input_column]).rename_column(input_column, "input")
    if modality == "image":
        inputs = inputs.cast_column("input", datasets.Image(decode=False))
    digests = _digests(inputs, modality, rows)
    first = sorted({digest: place for place, digest in reversed(list(enumerate(digests)))}.values())
    fingerprint = hashlib.sha256(b"".join(digests[place] for place in first)).hexdigest()
    kept_rows = [rows[place] for place in first]
    copies = len(rows) - len(first)
    classes = getattr(plain.features[label_column], "names", None)
    kept = of_kept_rows(targets[first], task)
    return Samples(inputs.select(first), modality, kept, task, kept_rows, fingerprint, copies, classes)


def _require_dataset(dataset: Any) -> None:
    if isinstance(dataset, datasets.DatasetDict | dict):
        splits = list(dataset)
        raise ValueError(
            f"`dataset` must be one split, found the splits {splits}. Pass one, such as dataset[{splits[0]!r}]; keep "
            "the one that you report on for later."
            if splits
            else "`dataset` holds no split."
        )
    if isinstance(dataset, datasets.IterableDataset):
        raise ValueError(
            "`dataset` must have a length, found a streaming data set. Load it without `streaming=True`, or take a "
            "part of it: Dataset.from_list(list(dataset.take(2000)), features=dataset.features)."
        )
    if not isinstance(dataset, datasets.Dataset):
        raise ValueError(
            f"`dataset` must be a datasets.Dataset, found {type(dataset).__name__}. Make one with "
            'Dataset.from_dict({"image": images, "label": labels}) or load_dataset("imagefolder", data_dir=…).'
        )
    if len(dataset) < 2:
        raise ValueError(f"`dataset` must hold at least two samples, found {len(dataset)}.")


def _label_column(dataset: datasets.Dataset, name: str | None) -> str:
    if name is not None:
        return _existing(dataset, name, "label_column")
    classes = [column for column, feature in dataset.features.items() if isinstance(feature, datasets.ClassLabel)]
    named = [column for column in _LABEL_NAMES if column in dataset.features]
    if len(classes) == 1 or named:
        return classes[0] if len(classes) == 1 else named[0]
    found = f"several class columns, {classes}" if classes else f"none among the columns {dataset.column_names}"
    raise ValueError(f"`label_column` must be given where no column is plainly the label; found {found}.")


def _input_column(dataset: datasets.Dataset, name: str | None, label_column: str) -> tuple[str, Modality]:
    modalities = {column: _modality(feature) for column, feature in dataset.features.items() if column != label_column}
    if name is not None:
        modality = modalities.get(_existing(dataset, name, "input_column"))
        if modality is None:
            raise ValueError(
                f"`input_column` must hold images or texts, found {dataset.features[name]} in {name!r}. Mark paths or "
                f"bytes as images: dataset.cast_column({name!r}, datasets.Image())."
            )
        return name, modality
    for wanted in ("image", "text"):
        columns = [column for column, modality in modalities.items() if modality == wanted]
        if len(columns) > 1:
            raise ValueError(f"`input_column` must be given where several columns hold {wanted}s; found {columns}.")
        if columns:
            return columns[0], "image" if wanted == "image" else "text"
    raise ValueError(
        f"`dataset` must have a column of images or texts, found {dict(dataset.features)}. Mark a column of paths or "
        "bytes as images: dataset.cast_column(name, datasets.Image())."
    )


def _modality(feature: Any) -> Modality | None:
    if isinstance(feature, datasets.Image):
        return "image"
    return "text" if getattr(feature, "dtype", None) in ("string", "large_string") else None


def _existing(dataset: datasets.Dataset, name: str, parameter: str) -> str:
    if name not in dataset.features:
        raise ValueError(f"`{parameter}` must be one of the columns {dataset.column_names}, found {name!r}.")
    return name


def _drawn_rows(targets: Tensor, task: Task, count: int, seed: int) -> list[int]:
    """Deal out a random order so that any beginning of it holds each class by its share; then cut it."""
    order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(seed))
    if task == "classification":
        labels = targets[order]
        by_class = labels.argsort(stable=True)
        sizes = torch.bincount(labels)
        within = torch.arange(len(labels)) - (sizes.cumsum(0) - sizes)[labels[by_class]]
        place = (within + 0.5) / sizes[labels[by_class]]  # where in its class a sample stands, from 0 to 1
        order = order[by_class[place.argsort(stable=True)]]
    return sorted(order[:count].tolist())


def _digests(inputs: datasets.Dataset, modality: Modality, rows: Sequence[int]) -> list[bytes]:
    """Hash each input, and refuse what is missing or does not begin like an image, before any model runs."""
    digests = []
    for row, value in zip(rows, inputs["input"], strict=True):
        if value is None:
            raise ValueError(f"`dataset` must not miss an input, found none in row {row}. Drop it: dataset.filter(…).")
        try:
            content = value.encode() if modality == "text" else _image_content(value)
        except _UNREADABLE as error:
            raise _no_image(row, error) from error
        digests.append(hashlib.sha256(content).digest())
    return digests


def _image_content(stored: dict[str, Any]) -> bytes:
    import PIL.Image

    content = stored["bytes"] if stored.get("bytes") is not None else Path(str(stored.get("path"))).read_bytes()
    with PIL.Image.open(io.BytesIO(content)):
        return content


def _decoded(stored: dict[str, Any], row: int) -> Any:
    import PIL.ImageOps

    try:
        with PIL.Image.open(io.BytesIO(_image_content(stored))) as image:
            require_eight_bits(image)
            return PIL.ImageOps.exif_transpose(image).convert("RGB")
    except _UNREADABLE as error:
        raise _no_image(row, error) from error


def _no_image(row: int, error: Exception) -> ValueError:
    return ValueError(
        f"`dataset` must hold readable images, found none in row {row} ({error}). Drop it: "
        f"dataset.select(i for i in range(len(dataset)) if i != {row})."
    )
