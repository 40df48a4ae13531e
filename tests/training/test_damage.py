"""Every input that cannot be read is found at once, wherever it is damaged, and nothing else is."""

import io

import numpy as np
from datasets import Dataset, Features, Image, Value
from PIL import Image as Picture

from hf_metalr.training.damage import find_damaged
from tests.training.tables import shaded


def encoded(kind: str, picture: Picture.Image | None = None) -> bytes:
    content = io.BytesIO()
    (picture or shaded(True, 0, side=64)).save(content, kind)
    return content.getvalue()


def images(cells) -> Dataset:
    return Dataset.from_dict({"image": cells}, Features({"image": Image()}))


def test_whole_images_of_every_kind_pass():
    cells = [{"bytes": encoded(kind), "path": None} for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")]
    assert find_damaged(images(cells), ["image"], range(len(cells))) == {}


def test_images_that_end_early_anywhere_are_found():
    for kind in ("PNG", "JPEG"):
        whole = encoded(kind)
        cuts = [10, len(whole) // 4, len(whole) // 2, len(whole) - 30]
        cells = [{"bytes": whole[:end], "path": None} for end in (*cuts, len(whole))]
        assert list(find_damaged(images(cells), ["image"], range(5))) == [0, 1, 2, 3]


def test_what_is_no_image_and_what_would_be_clipped_are_told(tmp_path):
    (tmp_path / "words.png").write_text("no image")
    Picture.fromarray(np.full((8, 8), 4000, dtype=np.uint16)).save(tmp_path / "deep.png")
    shaded(True, 0).save(tmp_path / "whole.png")
    table = images([str(tmp_path / f"{name}.png") for name in ("words", "deep", "whole")] + [None])
    damaged = find_damaged(table, ["image"], [3, 1, 0, 2])
    assert list(damaged) == [3, 1, 0]
    assert damaged[0] == "it is no image of a known kind"
    assert "more than 8 bits" in damaged[1]
    assert damaged[3] == "it is empty"
    assert find_damaged(table, ["image"], [2]) == {}  # only where it was asked to look


def test_empty_texts_are_found_on_either_side_of_a_pair():
    features = Features({"a": Value("string"), "b": Value("string")})
    table = Dataset.from_dict({"a": ["x", "", "x", "x"], "b": ["y", "y", None, "y"]}, features)
    assert list(find_damaged(table, ["a", "b"], range(4))) == [1, 2]
    assert list(find_damaged(table, ["a"], range(4))) == [1]


def test_a_mask_has_the_size_of_its_image_as_it_is_shown(tmp_path):
    turned = shaded(True, 0).resize((20, 30))
    exif = turned.getexif()
    exif[0x0112] = 6  # a camera held upright
    turned.save(tmp_path / "turned.jpg", exif=exif)
    for name, size in (("upright", (30, 20)), ("as_stored", (20, 30))):
        Picture.new("L", size).save(tmp_path / f"{name}.png")
    names = {"image": ["turned.jpg"] * 2, "mask": ["upright.png", "as_stored.png"]}
    rows = {column: [str(tmp_path / name) for name in found] for column, found in names.items()}
    table = Dataset.from_dict(rows, Features({"image": Image(), "mask": Image()}))
    damaged = find_damaged(table, ["image"], range(2), "mask")
    assert damaged == {1: "its mask must have the image's size (30, 20), found (20, 30)"}
