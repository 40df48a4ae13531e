"""Class numbers come out of masks as they were drawn; what is no class number is refused with the reason."""

import io

import numpy as np
import pytest
from datasets import Dataset, Features, Value
from PIL import Image as Picture

from hf_metalr.data.masks import read_masks
from hf_metalr.errors import InputError


def saved(picture, kind="PNG", **options) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def table(contents) -> Dataset:
    counted = [np.repeat(np.arange(count), 4)[None].repeat(4, 0) for count in (5, 9, 14, 300)]
    *cells, many = (Picture.fromarray(mask.astype(np.uint16)) for mask in counted)
    with pytest.raises(InputError, match=r"numbers of objects \(instances\).*from 4 to 13"):
        read(*cells)
    with pytest.raises(InputError, match=r"2 to 255 different values.*found 299.*instances"):
        read(many)


def test_masks_of_one_value_are_refused():
    with pytest.raises(InputError, match=r"2 to 255 different values, one per class, found 1: 0\. Are all masks empty"):
        read(Picture.new("L", (4, 4)))


def test_a_column_without_images_is_refused():
    with pytest.raises(InputError, match="`label_column` 'mask' must hold images"):
        read_masks(Dataset.from_dict({"mask": ["a"]}, Features({"mask": Value("string")})), "mask")
