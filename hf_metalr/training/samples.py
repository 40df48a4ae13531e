"""From rows to what a model is called with: decode, vary, prepare by the model's own processor, attach the label."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from hf_metalr.eight_bits import require_eight_bits
from hf_metalr.training.augmentation import Augmentation
from hf_metalr.training.masks import IGNORED, class_map
from hf_metalr.training.targets import Targets
from hf_metalr.training.tasks import Task

Sample = dict[str, Any]
# Tokenizers and models without a limit of their own name a number beyond all texts, or none.
LONGEST_TEXT = 512


class Samples(Dataset):
    """Some rows of a table as samples of a task, each prepared when it is asked for.

    Args:
        dataset: the table.
        rows: which of its rows, in their order.
        columns: of the input and, for a segmentation, of the mask; for pairs of texts, of the second text.
        targets: of every row of the table.
        task: images or texts, and which kind of label.
        prepare: from an input (and a class map) to the model's inputs; `ImagePreparation` or `TextPreparation`.
        augmentation: for training images; None leaves them as they are.

    Raises:
        ValueError: when a sample is asked for whose file cannot be read; the message names the row.
    """

    def __init__(
        self,
        dataset: Any,
        rows: Sequence[int],
        columns: tuple[str, str | None],
        targets: Targets,
        task: Task,
        prepare: Callable[..., Sample],
        augmentation: Augmentation | None = None,
    ) -> None:
        names = [name for name in columns if name is not None]
        self._table, self._rows, self._columns = dataset.select_columns(names), list(rows), columns
        self._targets, self._task, self._prepare, self._augmentation = targets, task, prepare, augmentation

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        row = self._rows[index]
        try:
            return self._sample(row)
        except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises on damaged files, among others
            raise ValueError(
                f"Row {row} of column '{self._columns[0]}'{self._file(row)} cannot be prepared: {error}. Remove it."
            ) from error

    def _file(self, row: int) -> str:
        """Return the file of a row, for a message: nobody counts the rows of a folder."""
        from datasets import Image

        if self._task.modality == "text":
            return ""
        column = self._columns[0]
        cell = self._table.cast_column(column, Image(decode=False))[row][column]
        return f" ('{cell['path']}')" if cell and cell["path"] else ""

    def _sample(self, row: int) -> Sample:
        cells = self._table[row]
        inputs = [cells[name] for name in self._columns if name is not None]
        if any(value is None or value == "" for value in inputs):
            raise ValueError("it is empty")
        if self._task.modality == "text":
            return self._prepare(*inputs) | {"labels": self._label(row)}
        value = inputs[0]
        require_eight_bits(value)
        image = _upright(value)
        if self._task.name != "segmentation":
            if self._augmentation is not None:
                image, _ = self._augmentation(image)
            return self._prepare(image) | {"labels": self._label(row)}
        return self._masked(image, _upright(cells[self._columns[1]]), row)

    def _masked(self, image: Any, mask: Any, row: int) -> Sample:
        from PIL import Image

        classes = Image.fromarray(class_map(mask, self._targets.mask_values, f"row {row}"))
        if classes.size != image.size:
            raise ValueError(f"its mask must have the image's size {image.size}, found {classes.size}")
        if self._augmentation is not None:
            image, varied = self._augmentation(image, classes, mask_fill=IGNORED)
            assert varied is not None
            classes = varied
        return self._prepare(image, classes)

    def _label(self, row: int) -> Tensor:
        kind = torch.long if self._task.name == "classification" else torch.float32
        return torch.tensor(self._targets.values[row], dtype=kind)


@dataclass(frozen=True)
class ImagePreparation:
    """From an image, and the class map of a segmentation, to the model's inputs.

    Size, mean and spread are those of the processor; the class map takes the same geometry, to the nearest pixel.

    Attributes:
        processor: an image processor of Transformers.
        channels: of the model's input; 1 gives grey images, anything else RGB.
    """

    processor: Any
    channels: int = 3

    def __call__(self, image: Any, classes: Any = None) -> Sample:
        image = _in_mode(image, "L" if self.channels == 1 else "RGB")
        maps = {} if classes is None else {"segmentation_maps": np.asarray(classes)}
        inputs = self.processor(image, **maps, return_tensors="pt")
        return {name: value[0] for name, value in inputs.items()}


@dataclass(frozen=True)
class TextPreparation:
    """From a text, or a pair of texts, to token numbers, cut to what tokenizer and model can take.

    Of a pair the longer text is cut first.
    """

    tokenizer: Any
    config: Any

    def __call__(self, text: str, second: str | None = None) -> Sample:
        positions = getattr(self.config, "max_position_embeddings", None) or LONGEST_TEXT
        longest = min(self.tokenizer.model_max_length, positions, LONGEST_TEXT)
        return dict(self.tokenizer(text, second, truncation=True, max_length=longest))


def _in_mode(image: Any, mode: str) -> Any:
    """Convert an image; what is transparent shows white, as in a viewer, rather than hidden colours."""
    from PIL import Image

    if image.mode in ("RGBA", "LA") or (image.mode == "P" and "transparency" in image.info):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)


def collate(samples: list[Sample]) -> dict[str, Tensor]:
    """Stack images and labels.

    Raises:
        ValueError: images of different sizes, from a processor that does not resize.
    """
    batch = {}
    for name in samples[0]:
        values = [torch.as_tensor(sample[name]) for sample in samples]
        shapes = sorted({str(tuple(value.shape)) for value in values})
        if len(shapes) > 1:
            raise ValueError(
                f"The model's image processor leaves images of different sizes ({', '.join(shapes[:3])}), "
                "which make no batch. Resize them to one size, or use --batch-size 1."
            )
        batch[name] = torch.stack(values)
    return batch


class TextCollator:
    """Pads token numbers with a tokenizer and stacks labels."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def __call__(self, samples: list[Mapping[str, Any]]) -> dict[str, Tensor]:
        inputs = [{name: value for name, value in sample.items() if name != "labels"} for sample in samples]
        batch = dict(self._tokenizer.pad(inputs, return_tensors="pt"))
        return batch | {"labels": torch.stack([sample["labels"] for sample in samples])}


def _upright(image: Any) -> Any:
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)
