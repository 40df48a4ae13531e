"""The masks that a segmentation answers with: one grey PNG per image, of the image's own size."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from hf_metalr.data.images.masks import IGNORED
from hf_metalr.errors import InputError
from hf_metalr.inference.rows import FILE, PREDICTION, class_map_of, mask_values, shares
from hf_metalr.inference.served import Served
from hf_metalr.inference.stream import Answer
from hf_metalr.outputs import write_files


class MaskWriter:
    """Writes masks.

    Args:
        served: a model for semantic segmentation.
        folder: that they go into; it is made where it is missing. None writes none.
        names: of all images.
        beside: folder that the table is in; paths in it are relative to that. None gives them as they are.

    Raises:
        InputError: the folder is a file, or cannot be made.
    """

    def __init__(self, served: Served, folder: Path | None, names: Sequence[str], beside: Path | None) -> None:
        self._served, self.folder, self._beside = served, folder, beside
        self._values = np.array([*mask_values(served.names), *[IGNORED] * (256 - len(served.names))], dtype=np.uint8)
        stems = Counter(str(PurePosixPath(name).with_suffix("")) for name in names if name)
        self._names = [_mask_name(name, row, stems) for row, name in enumerate(names)]
        pairs = ", ".join(f"{value} = {name}" for value, name in zip(self._values.tolist(), served.names, strict=False))
        self.notes = [f"values in the masks: {pairs}"]
        if crop_of(served, (100, 200)) is not None:
            self.notes.append(
                f"the model's processor cuts the middle out of an image: what it does not see is {IGNORED} in the mask"
            )
        if folder is not None and folder.exists() and not folder.is_dir():
            raise InputError("masks", f"must be a folder or a new one, found the file '{folder}'.")

    def row_of(self, answer: Answer) -> dict[str, Any]:
        """Write the mask of an image, and return its row."""
        from PIL import Image

        assert answer.logits is not None
        assert answer.size is not None
        classes = class_map_of(answer.logits, answer.size, crop_of(self._served, answer.size))
        file, name = self._names[answer.row]
        written = ""
        if self.folder is not None:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_files({path: lambda place: Image.fromarray(self._values[classes]).save(place)})
            near = self._beside is not None and path.is_relative_to(self._beside)
            written = (path.relative_to(self._beside) if near and self._beside is not None else path).as_posix()
        return {FILE: file, PREDICTION: written} | shares(self._served.task, self._served.names, classes)


def crop_of(served: Served, size: tuple[int, int]) -> tuple[float, float] | None:
    """Return the shares of height and width, about the middle, that a processor leaves of an image; None for all.

    Args:
        served: the model.
        size: (height, width) of the image.
    """
    processor: Any = served.prepare.processor  # type: ignore[union-attr]  # of images
    if not getattr(processor, "do_center_crop", False) or not getattr(processor, "crop_size", None):
        return None
    height, width = size
    if getattr(processor, "do_resize", False):
        wanted = dict(processor.size)
        if short := wanted.get("shortest_edge"):
            scale = short / min(size)
            height, width = height * scale, width * scale
        else:
            height, width = wanted["height"], wanted["width"]
    crop = dict(processor.crop_size)
    seen = (min(1.0, crop["height"] / height), min(1.0, crop["width"] / width))
    return None if seen == (1.0, 1.0) else seen


def _mask_name(name: str, row: int, stems: Counter[str]) -> tuple[str, str]:
    """Return what a row is called and the file of its mask, which lies as the image does among the others."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.suffix:
        return name, f"row-{row}.png"
    twin = stems[str(path.with_suffix(""))] > 1
    return name, f"{path}.png" if twin else str(path.with_suffix(".png"))
