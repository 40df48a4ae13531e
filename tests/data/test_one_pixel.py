"""One pixel gives one tensor, whatever command reads it: training, ranking and transferability."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hf_metalr.data.config import DataConfig
from hf_metalr.data.read import read_data
from hf_metalr.ranking.scored_rows import scored_rows
from hf_metalr.ranking.sources import find_candidates
from hf_metalr.training.models import load_model
from hf_metalr.training.study import Study, make_split
from hf_metalr.transferability.model_batches import model_batches
from tests.training.tables import SIDE, save_vit


def transparent() -> Image.Image:
    """Red that alpha hides, but for an opaque blue square."""
    pixels = np.zeros((SIDE, SIDE, 4), np.uint8)
    pixels[..., 0] = 255
    pixels[4:12, 4:12] = (0, 0, 255, 255)
    return Image.fromarray(pixels)


def turned() -> tuple[Image.Image, dict[str, Any]]:
    """Return an image whose EXIF says that it lies on its side, and what to save it with."""
    ramp = np.linspace(0, 255, 2 * SIDE * SIDE, dtype=np.uint8).reshape(SIDE, 2 * SIDE)
    exif = Image.Exif()
    exif[0x0112] = 6
    return Image.fromarray(ramp).convert("RGB"), {"exif": exif}


def palette() -> Image.Image:
    return Image.fromarray(np.arange(SIDE * SIDE, dtype=np.uint8).reshape(SIDE, SIDE)).convert("RGB").quantize(16)


def deep() -> Image.Image:
    return Image.fromarray(np.linspace(0, 4095, SIDE * SIDE).reshape(SIDE, SIDE).astype(np.uint16))


def cmyk() -> Image.Image:
    return Image.new("CMYK", (SIDE, SIDE), (200, 10, 90, 30))


KINDS = {
    "grey": (Image.new("L", (SIDE, SIDE), 77), "png"),
    "transparent": (transparent(), "png"),
    "palette": (palette(), "png"),
    "turned": (turned(), "jpg"),
    "CMYK": (cmyk(), "jpg"),
    "deep": (deep(), "tif"),
}


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_vit(tmp_path_factory.mktemp("vit")))


def save(folder: Path, kind: str) -> Path:
    """Write two images of each of two classes, the first of them of a kind."""
    made, suffix = KINDS[kind]
    image, options = made if isinstance(made, tuple) else (made, {})
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        image.save(folder / label / f"0.{suffix}", **options)
        Image.new("RGB", (SIDE, SIDE), (10 * ord(label) % 256, 0, 0)).save(folder / label / "1.png")
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_training_ranking_and_transferability_see_the_same_tensor(kind: str, vit: str, tmp_path: Path) -> None:
    config = DataConfig((str(save(tmp_path / "scans", kind)),), window=(0.0, 4095.0) if kind == "deep" else None)
    data = read_data(config)
    study = Study(data, {"train": range(len(data))})
    loaded = load_model(vit, data.task, data.targets.names)
    trained = torch.stack([sample["pixel_values"] for sample in make_split(study, loaded, "train")])

    rows = scored_rows(data, None, None)
    (candidate,) = find_candidates([vit], "image", None, False, 0, False)
    ranked = dict(candidate.load().prepare(rows.batch(0, len(rows))))["pixel_values"]
    moved = model_batches(config, [vit], 8, False)[0]["pixel_values"]
    assert torch.equal(trained[list(rows.rows)], ranked)
    assert torch.equal(trained, moved)


def test_what_alpha_hides_shows_white(vit: str, tmp_path: Path) -> None:
    config = DataConfig((str(save(tmp_path / "scans", "transparent")),))
    corner = model_batches(config, [vit], 8, False)[0]["pixel_values"][0, :, 0, 0]
    assert corner.tolist() == [1.0, 1.0, 1.0]  # of a processor that maps 255 to 1; red would be 1, -1, -1
