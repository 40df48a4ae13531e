"""Small tables and models that fine-tunes are tried on."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import (
    SegformerConfig,
    SegformerForSemanticSegmentation,
    SegformerImageProcessor,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

SIDE = 16


def save_vit(folder: Path) -> Path:
    """Save a tiny ViT for images of 16 pixels, with its processor."""
    config = ViTConfig(
        image_size=SIDE,
        patch_size=8,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    torch.manual_seed(0)
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder


def save_segformer(folder: Path) -> Path:
    """Save a tiny SegFormer for images of 32 pixels, with a processor that takes 0 for no class, as of ADE20k."""
    config = SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 16],
        patch_sizes=[3, 3],
        strides=[2, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=16,
        num_labels=5,
    )
    torch.manual_seed(0)
    SegformerForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessor(size={"height": 32, "width": 32}, do_reduce_labels=True).save_pretrained(folder)
    return folder


def shaded(bright: bool, seed: int, side: int = 20) -> Image.Image:
    """Draw noise around a dark or a bright level."""
    level = 180 if bright else 70
    noise = np.random.default_rng(seed).normal(level, 15, (side, side))
    return Image.fromarray(noise.clip(0, 255).astype(np.uint8))


def save_images(folder: Path, count: int = 24) -> Path:
    """Write a folder of dark and bright images, one sub-folder per class, two images per patient."""
    for number in range(count):
        bright = (number // 2) % 3 == 0
        place = folder / ("bright" if bright else "dark")
        place.mkdir(parents=True, exist_ok=True)
        shaded(bright, number).save(place / f"patient{number // 2:02d}_{number % 2}.png")
    return folder


def save_masks(folder: Path, count: int = 12, side: int = 40) -> Path:
    """Write images with a bright square beside masks that are 255 in the square and 0 elsewhere."""
    generator = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        left, top = generator.integers(2, side - 22, 2).tolist()
        mask = Image.new("L", (side, side))
        mask.paste(255, (left, top, left + 20, top + 20))
        mask.point(lambda value: 60 + value // 2).convert("RGB").save(folder / "images" / f"{number}.png")
        mask.save(folder / "masks" / f"{number}_mask.png")
    return folder
