"""A task for the accuracy benchmark that takes milliseconds: a tiny ViT, noisy images whose mean tells their label."""

from pathlib import Path
from typing import Any

import datasets
import torch
from torch import nn

from benchmarks.accuracy.assets import SHIPPED, Assets
from benchmarks.accuracy.cell import Cell
from benchmarks.accuracy.samples import Images
from benchmarks.accuracy.splits import SPLITS, Split
from benchmarks.accuracy.task import Task
from tests.trainer.tiny import make_vit


def make_split(size: int, side: int = 16, classes: int = 3, seed: int = 0) -> Split:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(size) % classes
    noise = torch.randint(0, 100, (size, 3, side, side), generator=generator)
    return Split((noise + 50 * labels[:, None, None, None]).to(torch.uint8), labels, torch.arange(size))


def make_task(folder: Any, method: str, network: nn.Module | None = None, **entries: Any) -> Task:
    cell = {"dataset": "tiny", "size": 24, "backbone": "vit", "rate": 1e-3, "seed": 0, "steps": 4, "batch": 4} | entries
    samples = Images(make_split(24), torch.full((3,), 127.5), torch.full((3,), 127.5), augment=False)
    network = make_vit(dropout=0.0) if network is None else network
    return Task(Cell.from_dict(cell | {"method": method}), network, samples, lambda prediction: {}, str(folder))


def few_x_rays(folder: Path) -> Assets:
    """A few of the shipped X-rays, so that decoding and evaluation take no time."""
    (folder / "pneumoniamnist").mkdir()
    for split in SPLITS:
        images = datasets.Dataset.from_parquet(str(SHIPPED / "pneumoniamnist" / f"{split}.parquet"), cache_dir=folder)
        images.select(range(48)).to_parquet(folder / "pneumoniamnist" / f"{split}.parquet")
    return Assets((folder,), folder / "cache")
