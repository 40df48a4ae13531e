"""Real image sets, decoded and resized once, kept as uint8 tensors so that a run starts at once.

Splits are the sets' own. Where images belong together (a patient, a smear, near-duplicates), no group may lie in two
splits; this is checked whenever a set is decoded.
"""

import gzip
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import load_dataset
from PIL import Image
from safetensors.torch import load_file, save_file

from benchmarks.accuracy.assets import Assets
from benchmarks.accuracy.splits import SPLITS, Split, own_groups, require_disjoint_groups

Rows = Iterator[tuple[Image.Image, int, int]]  # image, label, group

# Of Fashion-MNIST's 60,000 + 10,000 images only so many are decoded: training pool, validation, test.
FASHION_MNIST_PARTS = {"train": slice(0, 4000), "validation": slice(50_000, 51_000), "test": slice(0, 1000)}
# The same validation and test images after a training pool of all that is left; see `benchmarks.accuracy.shifts`.
FASHION_MNIST_ALL = FASHION_MNIST_PARTS | {"train": slice(0, 50_000)}


def load_images(name: str, side: int, assets: Assets) -> dict[str, Split]:
    """Return the three splits of an image set at ``side`` × ``side`` pixels; decoded at the first call only.

    The inputs are uint8 of shape (N, C, side, side); C is 1 where the whole set is grey, else 3.
    """
    path = assets.find(name)
    cached = assets.cache / f"{name}-{side}px.safetensors"
    if not cached.exists():
        splits = {split: _decode(_READERS[name](path, split), side) for split in SPLITS}
        require_disjoint_groups(splits)
        tensors = {f"{split}.{part}": tensor for split, data in splits.items() for part, tensor in vars(data).items()}
        assets.cache.mkdir(parents=True, exist_ok=True)
        temporary = cached.with_suffix(f".{os.getpid()}")  # a second process may be decoding the same set
        save_file(tensors, temporary)
        os.replace(temporary, cached)
    tensors = load_file(cached)
    return {split: Split(*(tensors[f"{split}.{part}"] for part in ("inputs", "labels", "groups"))) for split in SPLITS}


def _decode(rows: Rows, side: int) -> Split:
    images, labels, groups = [], [], []
    for image, label, group in rows:
        grey = image.mode in ("L", "1", "I;16")
        resized = np.asarray(image.convert("L" if grey else "RGB").resize((side, side), Image.Resampling.BILINEAR))
        images.append(torch.from_numpy(resized.copy()).view(side, side, -1).permute(2, 0, 1))
        labels.append(label)
        groups.append(group)
    if len({image.shape[0] for image in images}) > 1:
        images = [image.expand(3, -1, -1) for image in images]
    return Split(torch.stack(images).contiguous(), torch.tensor(labels), torch.tensor(groups))


def _read_parquet(folder: Path, split: str) -> Rows:
    rows: Any = load_dataset("parquet", data_files=str(folder / f"{split}.parquet"), split="train")
    for row, own in zip(rows, own_groups(split), strict=False):
        yield row["image"], row["label"], row.get("group", own)


def _read_pneumoniamnist(path: Path, split: str) -> Rows:
    if path.is_dir():
        yield from _read_parquet(path, split)
        return
    part = {"validation": "val"}.get(split, split)
    with np.load(path) as arrays:
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"].ravel()
    for image, label, group in zip(images, labels, own_groups(split), strict=False):
        yield Image.fromarray(image), int(label), group


def _read_fashion_mnist(folder: Path, split: str) -> Rows:
    return _read_clothes(folder, split, FASHION_MNIST_PARTS[split])


def _read_fashion_mnist_all(folder: Path, split: str) -> Rows:
    return _read_clothes(folder, split, FASHION_MNIST_ALL[split])


def _read_clothes(folder: Path, split: str, part: slice) -> Rows:
    kind = "t10k" if split == "test" else "train"
    images = _read_idx(folder / f"{kind}-images-idx3-ubyte.gz", header=16).reshape(-1, 28, 28)[part]
    labels = _read_idx(folder / f"{kind}-labels-idx1-ubyte.gz", header=8)[part]
    for image, label, group in zip(images, labels, own_groups(split), strict=False):
        yield Image.fromarray(image), int(label), group


def _read_idx(path: Path, header: int) -> np.ndarray:
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


_READERS: dict[str, Callable[[Path, str], Rows]] = {
    "busi": _read_parquet,
    "bccd_cells": _read_parquet,
    "pneumoniamnist": _read_pneumoniamnist,
    "fashion_mnist": _read_fashion_mnist,
    "fashion_mnist_all": _read_fashion_mnist_all,
}
