"""Cached features: taken only when nothing they depend on has changed, written whole or not at all."""

import logging
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ViTImageProcessor

from hf_metalr.ranking import Ranking, rank_backbones
from hf_metalr.ranking.scoring import H_SCORE, LEEP, NEAREST_NEIGHBOR
from tests.ranking.tiny import Colours, image_data, save_vit, to_pixels

CHOSEN = [NEAREST_NEIGHBOR, H_SCORE, LEEP]


def rank(model: str, folder: Path, data=None, **settings) -> Ranking:
    return rank_backbones([model], data or image_data(), scores=CHOSEN, cache_dir=folder, **settings)


@pytest.fixture
def vit(tmp_path: Path) -> str:
    return save_vit(tmp_path / "vit")


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_a_second_run_needs_no_forward_pass(vit, tmp_path, monkeypatch):
    first = rank(vit, tmp_path / "cache")
    assert [path.suffix for path in files(tmp_path / "cache")] == [".safetensors"]
    monkeypatch.setattr("hf_metalr.ranking.extract.pooled_features", None)
    assert rank(vit, tmp_path / "cache") == first
    relabelled = image_data().map(lambda row: {"label": (row["label"] + 1) % 3})
    assert rank(vit, tmp_path / "cache", relabelled).samples == 48  # features do not depend on labels


@pytest.mark.parametrize("change", ["weights", "config", "pixels", "order", "part", "processor", "precision"])
def test_whatever_features_depend_on_makes_new_ones(change, vit, tmp_path):
    rank(vit, tmp_path / "cache")
    data, settings = image_data(), {}
    if change == "weights":
        weights = load_file(Path(vit) / "model.safetensors")
        weights["vit.embeddings.cls_token"] += 1e-3
        save_file(weights, Path(vit) / "model.safetensors", {"format": "pt"})
    elif change == "config":
        config = Path(vit) / "config.json"
        config.write_text(config.read_text().replace('"hidden_act": "gelu"', '"hidden_act": "relu"'))
    elif change == "pixels":
        data = image_data(seed=1)
    elif change == "order":
        data = data.select([1, 0, *range(2, 48)])
    elif change == "part":
        settings["max_samples"] = 40
    elif change == "processor":
        ViTImageProcessor(size={"height": 16, "width": 16}, do_normalize=False).save_pretrained(vit)
    else:
        settings["dtype"] = torch.bfloat16
    rank(vit, tmp_path / "cache", data, **settings)
    assert len(files(tmp_path / "cache")) == 2


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def shorten(path: Path) -> None:
    tensors = {name: tensor[:-1].clone() for name, tensor in load_file(path).items()}
    save_file(tensors, path, _metadata(path))


def poison(path: Path) -> None:
    tensors = load_file(path)
    next(iter(tensors.values()))[0, 0] = torch.nan
    save_file(tensors, path, _metadata(path))


def exchange(path: Path) -> None:
    save_file(load_file(path), path, _metadata(path) | {"key": "of something else"})


def _metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return file.metadata()


@pytest.mark.parametrize("damage", [truncate, shorten, poison, exchange])
def test_a_damaged_file_is_computed_anew_and_replaced(damage, vit, tmp_path, caplog):
    first = rank(vit, tmp_path / "cache")
    (path,) = files(tmp_path / "cache")
    whole, content = {n: t.clone() for n, t in load_file(path).items()}, path.read_bytes()
    damage(path)
    assert path.read_bytes() != content
    with caplog.at_level(logging.WARNING):
        assert rank(vit, tmp_path / "cache") == first
    assert "computed anew" in caplog.text
    mended = load_file(path)
    assert mended.keys() == whole.keys()
    assert all(torch.equal(mended[name], feature) for name, feature in whole.items())


def test_a_full_disk_leaves_no_part(vit, tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        rank(vit, tmp_path / "cache")
    assert files(tmp_path / "cache") == []


def test_a_function_of_your_own_is_never_cached(tmp_path):
    rank_backbones({"mine": (Colours(True), to_pixels)}, image_data(), scores=[H_SCORE], cache_dir=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


class Plain(torch.nn.Module):
    def __init__(self, activation):
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.activation, self.head = torch.nn.Conv2d(3, 8, 3), activation, torch.nn.Linear(8, 3)

    def forward(self, pixel_values):
        return self.head(self.activation(self.stem(pixel_values)).mean(dim=(2, 3)))


def test_features_of_a_plain_module_are_not_kept(tmp_path):
    # catches: another forward pass over the same weights that is given the features of the first
    def score(activation, folder):
        models = {"mine": (Plain(activation), ViTImageProcessor(size={"height": 16, "width": 16}))}
        return rank_backbones(models, image_data(), scores=[H_SCORE], cache_dir=folder)

    first = score(torch.nn.ReLU(), tmp_path / "cache")
    second = score(torch.nn.Tanh(), tmp_path / "cache")
    assert second == score(torch.nn.Tanh(), None) != first
