"""What is trained while the cost is measured: a ResNet-18 and a small ViT on random images."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice

import torch
from torch import Tensor
from torch.optim import AdamW
from transformers import (
    PreTrainedModel,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
)

CLASSES = 10
LEARNING_RATE = 1e-4
# Random weights and images cost what real ones cost. A few batches in turn, shared by training and meta batches,
# so that data weigh the same in every method's memory.
DISTINCT_BATCHES = 4

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Workload:
    """A model, a batch size and an image size.

    Args:
        model_name: a key of `MODELS`.
        batch_size: images per training batch and per meta batch.
        pixels: side of the images. 224 is what both networks are made for; the paper's POCUS runs use 64.
    """

    model_name: str
    batch_size: int
    pixels: int = 224

    def new_model(self) -> PreTrainedModel:
        """Return the model with fresh random weights, in training mode."""
        return MODELS[self.model_name](self.pixels).train()

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Yield batches without end from a small pool, beginning with number ``start`` of it."""
        return islice(cycle(_pool(self.batch_size, self.pixels)), start, None)


@cache
def _pool(batch_size: int, pixels: int) -> list[Batch]:
    """Return a few batches: images (batch, 3, pixels, pixels) float32 and labels (batch,) int64."""
    shape = (batch_size, 3, pixels, pixels)
    return [
        {"pixel_values": torch.randn(shape), "labels": torch.randint(CLASSES, (batch_size,))}
        for _ in range(DISTINCT_BATCHES)
    ]


def new_optimizer(model: PreTrainedModel) -> AdamW:
    """Return the optimizer that `Trainer` makes by default: fused AdamW."""
    return AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0, fused=True)


def _resnet18(pixels: int) -> PreTrainedModel:
    """He et al. 2016; any image size fits."""
    config = ResNetConfig(layer_type="basic", depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], num_labels=CLASSES)
    return ResNetForImageClassification(config)


def _vit_tiny(pixels: int) -> PreTrainedModel:
    """DeiT-Ti's width, depth and heads (arXiv 2012.12877): 197 tokens from 224 pixels, 65 from 64 (8-pixel patches)."""
    config = ViTConfig(
        image_size=pixels,
        patch_size=16 if pixels >= 224 else 8,
        hidden_size=192,
        num_hidden_layers=12,
        num_attention_heads=3,
        intermediate_size=768,
        num_labels=CLASSES,
    )
    return ViTForImageClassification(config)


MODELS: dict[str, Callable[[int], PreTrainedModel]] = {"resnet18": _resnet18, "vit-tiny": _vit_tiny}
