"""The rows that a ranking scores: a part of the data, each input once."""

import hashlib
import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import torch
from torch import Tensor

from hf_metalr.data.account import USED
from hf_metalr.data.labels.targets import as_tensor
from hf_metalr.data.labels.tasks import Modality
from hf_metalr.data.read import Data, read_dataset
from hf_metalr.errors import InputError
from hf_metalr.ranking.targets import of_kept_rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScoredRows:
    """Inputs and targets, row by row.

    Attributes:
        data: all that was read.
        rows: which of its rows are scored.
        targets: (N,) class indices, (N,) numbers, or an (N, C) matrix of 0 and 1.
        fingerprint: a hash of all inputs.
        copies: how many rows were left out, because an earlier one holds the same input.
        groups: (N,) integers, such as patients; None without groups.
    """

    data: Data
    rows: Sequence[int]
    targets: Tensor
    fingerprint: str
    copies: int
    groups: Tensor | None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def task(self) -> str:
        """What the targets are: classification, multi-label or regression."""
        return self.data.task.name

    @property
    def modality(self) -> Modality:
        """What the inputs are: image or text."""
        return self.data.task.modality

    @property
    def classes(self) -> Sequence[str] | None:
        """The names of the classes."""
        return self.data.targets.names if self.task == "classification" else None

    def batch(self, start: int, stop: int) -> list[Any]:
        """Return texts or decoded images.

        Raises:
            InputError: an image cannot be decoded; the message names its row.
        """
        return self.data.inputs(self.rows[start:stop])[0]


def scored_rows(
    dataset: Any, input_column: str | None, label_column: str | None, max_samples: int | None = None, **settings: Any
) -> ScoredRows:
    """Draw at most `max_samples` rows and leave out copies; arguments as of `rank_backbones`.

    Of classes each keeps its share in the draw. Formats and transforms of the data set are passed over. Of rows with
    the same input the first is kept: leave-one-out and cross-validation would find the copy of what they leave out, and
    with more channels than samples the evidence of a linear model is infinite where one sample occurs twice.

    Raises:
        InputError: no map-style data set, no or several candidates for a column, targets that cannot be scored, or
            inputs that are missing or no images.
    """
    if max_samples is not None and max_samples < 2:
        raise InputError("max_samples", f"must be at least 2, found {max_samples}.")
    if isinstance(dataset, Data):
        data = dataset
    else:
        _require_dataset(dataset)
        plain = dataset.with_format(None)
        data = read_dataset(plain, input_column, label_column, max_samples=max_samples, **settings)
    if len(data.table.input_columns) > 1:
        raise InputError(
            "input_column",
            f"of a ranking holds one text per sample, found pairs of {' and '.join(data.table.input_columns)}. Name "
            "the column that says more, or join the two in the data.",
        )
    if data.task.name == "segmentation":
        raise InputError("label_column", "holds masks, and a ranking scores one label per image. Name another column.")
    data, rows = data.drawn(range(len(data)))
    data, rows = data.readable(rows)
    digests = dict(zip(rows, _digests(data, rows), strict=True))
    first = {digest: row for row, digest in reversed(digests.items())}
    kept = sorted(first.values())
    copies = [row for row in rows if first[digests[row]] != row]
    data = data.without("the same input as an earlier row", copies)
    logger.info("%s", data.account({USED: kept}))
    return ScoredRows(
        data,
        kept,
        of_kept_rows(as_tensor(data.targets)[kept], data.task.name),
        hashlib.sha256(b"".join(digests[row] for row in kept)).hexdigest(),
        len(copies),
        None if data.groups is None else _numbered([data.groups[row] for row in kept]),
    )


def _require_dataset(dataset: Any) -> None:
    if isinstance(dataset, datasets.DatasetDict | dict):
        splits = list(dataset)
        raise InputError(
            "dataset",
            f"must be one split, found the splits {splits}. Pass one, such as dataset[{splits[0]!r}]; keep "
            "the one that you report on for later."
            if splits
            else "holds no split.",
        )
    if isinstance(dataset, datasets.IterableDataset):
        raise InputError(
            "dataset",
            "must have a length, found a streaming data set. Load it without `streaming=True`, or take a "
            "part of it: Dataset.from_list(list(dataset.take(2000)), features=dataset.features).",
        )
    if not isinstance(dataset, datasets.Dataset):
        raise InputError(
            "dataset",
            f"must be a datasets.Dataset, found {type(dataset).__name__}. Make one with "
            'Dataset.from_dict({"image": images, "label": labels}) or load_dataset("imagefolder", data_dir=…).',
        )
    if len(dataset) < 2:
        raise InputError("dataset", f"must hold at least two samples, found {len(dataset)}.")


def _digests(data: Data, rows: Sequence[int]) -> list[bytes]:
    """Hash each input as it is stored."""
    stored = data.table.dataset.select(rows)[data.table.input_columns[0]]
    return [hashlib.sha256(_content(value)).digest() for value in stored]


def _content(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    return value["bytes"] if value["bytes"] is not None else Path(value["path"]).read_bytes()


def _numbered(values: Sequence[Hashable]) -> Tensor:
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return torch.tensor([numbers[value] for value in values])
