"""Inputs that occur twice are found: equal pixels in any file, and images saved anew; other images are not."""

import io
import json
import logging

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from hf_metalr.cli import main
from hf_metalr.data.config import DataConfig
from hf_metalr.data.images.fingerprint import ALIKE, difference_hash, pixel_key
from hf_metalr.data.read import read_data
from hf_metalr.data.splits import duplicates as module
from hf_metalr.data.splits.duplicates import find_duplicates
from tests.cli.train import QUICK
from tests.training.tables import save_vit


def scene(seed: int, side: int = 64) -> Image.Image:
    """A smooth picture, as images of things are."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def distance(one: Image.Image, two: Image.Image) -> int:
    first, second = difference_hash(one), difference_hash(two)
    assert first is not None
    assert second is not None
    return int(np.bitwise_count(first ^ second).sum())


def as_jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=75)
    return Image.open(buffer)


@pytest.mark.parametrize(
    "change",
    [
        as_jpeg,
        lambda image: image.resize((160, 160)),
        lambda image: ImageEnhance.Brightness(image).enhance(0.9),
        lambda image: image.convert("RGB"),
    ],
    ids=["jpeg", "enlarged", "darker", "rgb"],
)
def test_an_image_saved_anew_is_alike(change):
    assert max(distance(scene(seed), change(scene(seed))) for seed in range(5)) <= ALIKE


def test_other_images_are_not():
    pictures = [scene(seed) for seed in range(30)]
    assert min(distance(a, b) for n, a in enumerate(pictures) for b in pictures[:n]) > 3 * ALIKE


def test_images_without_structure_are_no_twins_of_one_another():
    assert difference_hash(Image.new("L", (64, 64), 10)) is None
    noise = np.random.default_rng(0).integers(100, 102, (64, 64), dtype=np.uint8)
    assert difference_hash(Image.fromarray(noise)) is None


def test_pixels_alone_make_images_equal():
    image = scene(0)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=0)
    assert pixel_key(Image.open(buffer)) == pixel_key(image)
    changed = image.copy()
    changed.putpixel((3, 3), (changed.getpixel((3, 3)) + 1) % 256)
    assert pixel_key(changed) != pixel_key(image)
    assert pixel_key(image.resize((32, 128))) != pixel_key(image)


@pytest.fixture
def study(tmp_path):
    """Train 0–7, test 8–11; of those one is a copy, one a copy as JPEG; two of train are alike, with other labels."""
    for split, seeds in (("train", range(8)), ("test", range(8, 12))):
        for seed in seeds:
            place = tmp_path / "data" / split / ("a", "b")[seed % 2]
            place.mkdir(parents=True, exist_ok=True)
            scene(seed).save(place / f"{seed}.png")
    folder = tmp_path / "data"
    scene(2).save(folder / "test" / "a" / "copy.png", compress_level=0)
    as_jpeg(scene(3)).save(folder / "test" / "b" / "again.jpg")
    scene(4).save(folder / "train" / "b" / "other.png")
    return folder


def found_in(folder):
    data = read_data(DataConfig((str(folder),)), several_splits=True)
    splits = {"train": [], "test": []}
    for row, (name, _) in enumerate(data.table.origins):
        splits[name].append(row)
    return find_duplicates(data, splits)


def sets_of(listed):
    return {tuple(sorted(f"{one['name']}" for one in rows)) for rows in listed}


def test_what_is_found_and_told(study, caplog):
    found = found_in(study)
    content = found.to_dict()
    equal = {("test/a/copy.png", "train/a/2.png"), ("train/a/4.png", "train/b/other.png")}
    assert sets_of(content["exact"]) == equal
    assert sets_of(content["near"]) == equal | {("test/b/again.jpg", "train/b/3.png")}
    with caplog.at_level(logging.INFO, "hf_metalr"):
        found.tell()
    lines = [record.getMessage() for record in caplog.records]
    assert "2 of 6 images of test have a twin in train (1 exactly alike, 1 nearly)" in lines[0]
    assert (
        "train: 2 images in 1 sets of alike ones (2 exactly), such as 'train/a/4.png' and 'train/b/other.png'" in lines
    )
    assert any("1 sets of exactly alike images have different labels" in line for line in lines)


def test_beyond_so_many_images_exact_ones_are_found(study, caplog, monkeypatch):
    monkeypatch.setattr(module, "MOST_NEAR", 10)
    found = found_in(study)
    assert found.to_dict()["near"] is None
    with caplog.at_level(logging.INFO, "hf_metalr"):
        found.tell()
    assert "1 of 6 images of test have a twin in train (1 exactly alike, 0 nearly)" in caplog.text
    assert "only exact duplicates were looked for" in caplog.text


def test_texts_are_the_same_whatever_their_blanks(tmp_path, caplog):
    table = tmp_path / "texts.csv"
    table.write_text("text,label\na  good film,x\na good film ,y\nanother,x\n")
    data = read_data(DataConfig((str(table),)), several_splits=True)
    with caplog.at_level(logging.INFO, "hf_metalr"):
        find_duplicates(data, {"train": [0, 2], "test": [1]}).tell()
    assert "1 of 1 texts of test have a twin in train (exactly alike)" in caplog.text
    assert "have different labels, such as 'row 0' (x) and 'row 1' (y)" in caplog.text


def test_train_tells_it_before_it_begins_and_keeps_it(study, tmp_path, capsys):
    line = ["--model", save_vit(tmp_path / "vit"), "--data", study, "--validation-size", "0", *QUICK]
    assert main(["train", *map(str, line), "--output-dir", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().err
    assert "warning: 2 of 6 images of test have a twin in train" in told
    kept = json.loads((tmp_path / "out" / "splits.json").read_text())["duplicates"]
    assert len(kept["exact"]) == 2
    assert main(["train", *map(str, line), "--output-dir", str(tmp_path / "off"), "--no-duplicate-search"]) == 0
    assert "have a twin" not in capsys.readouterr().err
