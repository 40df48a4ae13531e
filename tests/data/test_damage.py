"""Every input that cannot be read is found at once, wherever it is damaged, and nothing else is."""

import io
import logging

import numpy as np
import pytest
from datasets import Dataset, Features, Image, Value
from PIL import Image as Picture

from hf_metalr.data.images.damage import find_damaged
from tests.data.deep_files import png
from tests.training.tables import shaded


def encoded(kind: str, picture: Picture.Image | None = None) -> bytes:
    content = io.BytesIO()
    (picture or shaded(True, 0, side=64)).save(content, kind)
    return content.getvalue()


def images(cells, **columns) -> Dataset:
    cells = [{"bytes": cell, "path": None} if isinstance(cell, bytes) else cell for cell in cells]
    features = {name: Image(decode=False) for name in ("image", *columns)}
    return Dataset.from_dict({"image": cells, **columns}, Features(features))


def test_whole_images_of_every_kind_pass():
    cells = [encoded(kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "JPEG2000", "PPM", "TGA")]
    assert find_damaged(images(cells), ["image"], range(len(cells))) == {}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP"])
def test_images_that_end_early_anywhere_are_found(kind):
    whole = encoded(kind)
    cuts = [10, len(whole) // 4, len(whole) // 2, len(whole) - 30]
    table = images([whole[:end] for end in (*cuts, len(whole))])
    assert list(find_damaged(table, ["image"], range(5))) == [0, 1, 2, 3]


def test_a_changed_byte_in_a_png_is_found():
    spoiled = bytearray(encoded("PNG"))
    spoiled[len(spoiled) // 2] ^= 1
    assert "wrong checksum" in find_damaged(images([bytes(spoiled)]), ["image"], [0])[0]


def test_what_is_no_image_is_told_by_its_row(tmp_path):
    (tmp_path / "words.png").write_text("no image")
    shaded(True, 0).save(tmp_path / "whole.png")
    (tmp_path / "none.png").write_bytes(b"")
    names = ["words", "gone", "whole", "none"]
    table = images([{"bytes": None, "path": str(tmp_path / f"{name}.png")} for name in names] + [None])
    damaged = find_damaged(table, ["image"], [4, 3, 1, 0, 2])
    assert list(damaged) == [4, 3, 1, 0]
    assert damaged == {
        0: "it is no image of a known kind",
        1: f"there is no file '{tmp_path / 'gone.png'}'",
        3: "it is empty",
        4: "it is empty",
    }
    assert find_damaged(table, ["image"], [2]) == {}  # only where it was asked to look


def test_deep_images_have_one_reason_with_their_common_range_or_a_window(caplog):
    values = [np.full((4, 4, 3), 100 * n, np.uint16) for n in range(3)]
    table = images([png(value) for value in values] + [encoded("PNG")])
    damaged = find_damaged(table, ["image"], range(4))
    assert list(damaged) == [0, 1, 2]
    (reason,) = set(damaged.values())
    assert "16 bits per channel (values 0 to 200 in the first 3)" in reason
    assert "--window 0 200" in reason
    with caplog.at_level(logging.INFO, "hf_metalr"):
        assert find_damaged(table, ["image"], range(4), window=(0, 150)) == {}
    assert caplog.messages == ["3 images of 16 bits per channel: 0 becomes black and 150 white"]


def test_several_pages_are_damage():
    content = io.BytesIO()
    shaded(True, 0).save(content, "TIFF", save_all=True, append_images=[shaded(True, 1)])
    assert "2 images" in find_damaged(images([content.getvalue()]), ["image"], [0])[0]


def test_empty_texts_are_found_on_either_side_of_a_pair():
    features = Features({"a": Value("string"), "b": Value("string")})
    table = Dataset.from_dict({"a": ["x", "", "x", "x", " \n"], "b": ["y", "y", None, "y", "y"]}, features)
    assert list(find_damaged(table, ["a", "b"], range(5))) == [1, 2, 4]
    assert list(find_damaged(table, ["a"], range(5))) == [1, 4]


def test_a_mask_has_the_size_of_its_image_as_it_is_shown(tmp_path):
    turned = shaded(True, 0).resize((20, 30))
    exif = turned.getexif()
    exif[0x0112] = 6  # a camera held upright
    turned.save(tmp_path / "turned.jpg", exif=exif)
    for name, size in (("upright", (30, 20)), ("as_stored", (20, 30))):
        Picture.new("L", size).save(tmp_path / f"{name}.png")
    (tmp_path / "damaged.png").write_bytes((tmp_path / "upright.png").read_bytes()[:50])
    masks = ["upright", "as_stored", "damaged", "gone"]
    table = images([str(tmp_path / "turned.jpg")] * 4, mask=[str(tmp_path / f"{name}.png") for name in masks])
    damaged = find_damaged(table, ["image"], range(4), "mask")
    assert list(damaged) == [1, 2, 3]
    assert damaged[1] == "its mask must have the image's size (30, 20), found (20, 30)"
    assert damaged[2].startswith("its mask: it cannot be read")
    assert damaged[3].startswith("its mask: there is no file")
