"""Class numbers come out of masks as they were drawn; what is no class number is refused with the reason."""

import io
import logging

import numpy as np
import pytest
from datasets import Dataset, Features, Image, Value
from PIL import Image as Picture
from PIL import ImageDraw, ImageFilter
from PIL.Image import Resampling

from hf_metalr.data.images.decode import ImageRefused
from hf_metalr.data.images.masks import class_map, read_mask, read_masks
from hf_metalr.errors import InputError
from tests.data.deep_files import png


def saved(picture, kind="PNG", **options) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def table(contents) -> Dataset:
    cells = [{"bytes": content, "path": None} for content in contents]
    return Dataset.from_dict({"mask": cells}, Features({"mask": Image(decode=False)}))


def blobs(classes, seed=0, side=128, step=1):
    """Ellipses of class numbers 0, step, 2 step and so on."""
    generator = np.random.default_rng(seed)
    picture = Picture.new("L", (side, side))
    draw = ImageDraw.Draw(picture)
    for number in range(8 * classes):
        x, y, a, b = (*generator.integers(0, side, 2).tolist(), *generator.integers(6, 30, 2).tolist())
        draw.ellipse((x - a, y - b, x + a, y + b), fill=step * (number % classes))
    return picture


def read(*pictures):
    return read_masks(table([saved(picture) for picture in pictures]), "mask")


def test_values_become_classes_in_order_and_are_told(caplog):
    mask = Picture.fromarray(np.array([[0, 0, 7], [7, 9, 255]], np.uint8))
    with caplog.at_level(logging.INFO, "hf_metalr"):
        found = read(mask, Picture.new("L", (2, 2), 7))
    assert found.names == ["0", "7", "9"]
    assert found.numbers == {0: 0, 7: 1, 9: 2}
    assert found.pixels == [[2, 2, 1], [0, 4, 0]]
    assert found.classes == [[0, 1, 2], [1]]
    assert found.strata == [(0, 1, 2), (1,)]
    assert caplog.messages == [
        "masks: 3 classes, value → class: 0 → 0 (22.2% of the pixels), 7 → 1 (66.7% of the pixels), 9 → 2 (11.1% of "
        "the pixels); 255 does not count"
    ]
    assert class_map(np.array([[0, 9], [8, 255]]), found.numbers).tolist() == [[0, 2], [255, 255]]


def test_only_the_rows_that_are_asked_for_are_read():
    masks = table([saved(blobs(2)), b"damaged", saved(blobs(2))])
    found = read_masks(masks, "mask", [0, 2])
    assert [bool(row) for row in found.classes] == [True, False, True]
    with pytest.raises(InputError, match=r"`label_column` 'mask' has a mask that cannot be used, in row 1: it is no"):
        read_masks(masks, "mask")


def test_palettes_keep_their_indices():
    indexed = Picture.fromarray(np.array([[0, 1, 2]], np.uint8))
    indexed.putpalette([9, 9, 9, 200, 0, 0, 0, 0, 200])
    assert read_mask(saved(indexed))[0].tolist() == [[0, 1, 2]]
    assert read_mask(saved(indexed, transparency=0))[0].tolist() == [[0, 1, 2]]
    assert read_mask(saved(indexed, "GIF"))[0].tolist() == [[0, 1, 2]]


def test_grey_masks_of_every_form_give_their_values():
    values = np.array([[0, 1], [3, 0]], np.uint8)
    grey = Picture.fromarray(values)
    for content in (
        saved(grey),
        saved(grey, "TIFF"),
        saved(grey.convert("RGB")),
        saved(grey.convert("RGBA")),
        saved(grey.convert("LA")),
        png(values[..., None].astype(np.uint16)),
        saved(Picture.fromarray(values.astype(np.uint16)), "TIFF"),
    ):
        mask, is_jpeg = read_mask(content)
        assert (mask.tolist(), is_jpeg) == (values.tolist(), False)
    assert read_mask(saved(grey.point(lambda value: 255 * (value > 0)).convert("1")))[0].tolist() == [[0, 1], [1, 0]]
    deep = png(np.array([[[0], [65535]]], np.uint16))
    assert read_masks(table([deep]), "mask").numbers == {0: 0, 65535: 1}


def test_masks_are_upright():
    exif = Picture.Exif()
    exif[0x0112] = 6
    content = saved(Picture.fromarray(np.array([[1, 2, 3]], np.uint8)), exif=exif)
    assert read_mask(content)[0].tolist() == [[1], [2], [3]]


def half_seen():
    picture = blobs(2, step=255).convert("LA")
    picture.putalpha(Picture.new("L", picture.size, 100))
    return picture


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (saved(Picture.merge("RGB", (blobs(2), blobs(2, 1), blobs(2, 2)))), "colour image"),
        (saved(half_seen()), "see-through"),
        (saved(Picture.fromarray(np.array([[0.0, 0.5]], np.float32)), "TIFF"), "floating-point"),
        (saved(Picture.new("CMYK", (8, 8)), "JPEG"), "CMYK"),
        (bytes(128) + b"DICM", "DICOM"),
        (png(np.random.default_rng(0).integers(0, 9, (4, 4, 3))), "colour image"),
        (saved(blobs(2), "GIF", save_all=True, append_images=[blobs(2, 1)]), "2 images"),
    ],
    ids=["colours", "alpha", "floats", "inks", "DICOM", "deep colours", "frames"],
)
def test_what_holds_no_class_numbers_is_refused(content, reason):
    with pytest.raises(ImageRefused, match=reason):
        read_mask(content)


def jpeg(picture, quality):
    return Picture.open(io.BytesIO(saved(picture, "JPEG", quality=quality)))


BINARY = [blobs(2, seed, step=255) for seed in range(4)]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda mask: mask.resize((200, 200), Resampling.BILINEAR),
        lambda mask: mask.resize((256, 256), Resampling.BILINEAR),
        lambda mask: mask.resize((64, 64), Resampling.BILINEAR),
        lambda mask: mask.resize((90, 90), Resampling.BICUBIC),
        lambda mask: mask.resize((75, 75), Resampling.LANCZOS),
        lambda mask: mask.filter(ImageFilter.GaussianBlur(2)),
        lambda mask: jpeg(mask, 95),
        lambda mask: jpeg(mask, 75),
        lambda mask: jpeg(mask, 60).resize((150, 150), Resampling.BILINEAR),
    ],
)
@pytest.mark.parametrize("clean", [0, 3])
def test_a_continuum_of_values_is_refused(spoil, clean):
    with pytest.raises(InputError, match=r"`label_column` 'mask' must hold masks of class numbers, found a continuum"):
        read(*BINARY[:clean], *(spoil(mask) for mask in BINARY[clean:]))


@pytest.mark.parametrize(("classes", "step"), [(16, 1), (5, 50)])
def test_a_continuum_between_several_classes_is_refused(classes, step):
    masks = [blobs(classes, seed, step=step) for seed in range(3)]
    assert len(read(*masks).names) == classes
    for side in (80, 160, 256):
        with pytest.raises(InputError, match=r"in 1 of 3 masks, first in row 2: .*resized with interpolation"):
            read(*masks[:2], masks[2].resize((side, side), Resampling.BILINEAR))


def test_class_numbers_with_gaps_get_no_numbers_in_the_gaps():
    numbers = [0, 2, 6, 7, 10]
    masks = [blobs(5, seed).point(lambda value: numbers[value] if value < 5 else 0) for seed in range(3)]
    assert read(*masks).names == list(map(str, numbers))
    for side in (80, 160):
        with pytest.raises(InputError, match="resized with interpolation"):
            read(*(mask.resize((side, side), Resampling.BICUBIC) for mask in masks))


def test_masks_without_areas_are_refused_where_they_are_a_picture():
    gradient = Picture.fromarray(np.add.outer(np.arange(60), np.arange(60)).astype(np.uint8))
    with pytest.raises(InputError, match="map of probabilities"):
        read(gradient)


def test_a_jpeg_is_told_as_one():
    masks = table([saved(mask, "JPEG", quality=75) for mask in BINARY])
    with pytest.raises(InputError, match=r"in 4 of 4 masks, first in row 0: JPEG blurs"):
        read_masks(masks, "mask")


def vessels():
    picture = Picture.new("L", (128, 128))
    draw = ImageDraw.Draw(picture)
    for number in range(20):
        draw.line(np.random.default_rng(number).integers(0, 128, 4).tolist(), fill=1 + number % 2)
    return picture


def layers():
    """Ten layers of a retina, every other as thin as a pixel."""
    rows = np.repeat(np.arange(10), [6, 1, 5, 1, 6, 2, 4, 1, 8, 2])
    return Picture.fromarray(np.tile(rows[:, None], (1, 50)).astype(np.uint8))


def membrane():
    """A border of its own class, as thin as a pixel, around every area."""
    areas = np.asarray(blobs(2, step=255)).copy()
    areas[1:][areas[1:] != areas[:-1]] = 100
    return Picture.fromarray(areas)


def thin_in_places():
    """Sharp borders, and one place where two classes are as thin as a pixel between two others."""
    areas = np.zeros((40, 40), np.uint8)
    areas[:, 20:] = 60
    areas[:8, 20], areas[20:26, 20] = 20, 40
    return Picture.fromarray(areas)


def noise():
    return Picture.fromarray(np.random.default_rng(0).integers(0, 6, (40, 40)).astype(np.uint8))


@pytest.mark.parametrize(
    ("masks", "classes"),
    [
        ([vessels()], 3),
        ([layers()], 10),
        ([blobs(40, seed, side=400) for seed in range(3)], 40),
        ([blobs(5, step=60).resize((77, 77), Resampling.NEAREST)], 5),
        ([noise()], 6),
        ([blobs(2, step=255), Picture.new("L", (40, 40))], 2),
        ([blobs(3, step=127)], 3),
        ([membrane()], 2),
        ([thin_in_places()], 4),
    ],
    ids=["vessels", "layers", "many classes", "nearest", "noise", "binary", "trimap", "membrane", "thin in places"],
)
def test_class_numbers_are_not_taken_for_a_continuum(masks, classes):
    assert len(read(*masks).names) == classes


def test_numbers_of_objects_are_refused():
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
