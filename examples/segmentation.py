"""Segment images with learned rates: the pupil-like discs of a made-up data set, or a folder of your own.

Run: python examples/segmentation.py
     python examples/segmentation.py --data ./polyps --model nvidia/mit-b0   (images/ beside masks/, same names, PNG)
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset, random_split
from transformers import (
    AutoModelForSemanticSegmentation,
    PreTrainedModel,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    SegformerImageProcessor,
    set_seed,
)

from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments
from hf_metalr.data.labels.tasks import Task
from hf_metalr.training.scoring import make_scoring


class Discs(Dataset):
    """Noisy images of one bright disc each, and its mask; or the images and masks of a folder."""

    def __init__(self, processor: SegformerImageProcessor, folder: str | None, size: int = 200) -> None:
        self.processor = processor
        self.files = sorted(Path(folder, "images").glob("*.png")) if folder else [None] * size

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        image, mask = self.read(self.files[index]) if self.files[index] else self.draw(index)
        inputs = self.processor(image, segmentation_maps=mask, return_tensors="pt")
        return {"pixel_values": inputs["pixel_values"][0], "labels": inputs["labels"][0].long()}

    def read(self, file: Path) -> tuple[Image.Image, Image.Image]:
        """Open an image and its mask of class numbers."""
        return Image.open(file).convert("RGB"), Image.open(file.parents[1] / "masks" / file.name)

    def draw(self, index: int) -> tuple[Image.Image, Image.Image]:
        """Draw a disc at a random place, from the index as seed."""
        random = np.random.default_rng(index)
        x, y, radius = random.uniform(10, 22), random.uniform(10, 22), random.uniform(4, 9)
        rows, columns = np.mgrid[:32, :32]
        mask = (columns - x) ** 2 + (rows - y) ** 2 < radius**2
        pixels = np.clip(random.normal(90 + 70 * mask, 40), 0, 255).astype(np.uint8)
        return Image.fromarray(pixels).convert("RGB"), Image.fromarray(mask.astype(np.uint8))


def make_model(name: str | None) -> PreTrainedModel:
    """Load a pre-trained network with a new head, or draw a tiny one at random."""
    if name is not None:
        return AutoModelForSemanticSegmentation.from_pretrained(name, num_labels=2)
    sizes = {"depths": [1, 1], "hidden_sizes": [16, 32], "sr_ratios": [2, 1], "strides": [2, 2], "patch_sizes": [5, 3]}
    heads = {"num_attention_heads": [1, 2], "mlp_ratios": [2, 2], "num_encoder_blocks": 2, "decoder_hidden_size": 16}
    return SegformerForSemanticSegmentation(SegformerConfig(num_labels=2, **sizes, **heads))


def main(argv: list[str] | None = None) -> MetaLRTrainer:
    """Train on three quarters of the images and measure the Dice overlap on the rest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a folder; without one, discs are drawn")
    parser.add_argument("--model", help="a Hub id or a folder; without one, a tiny SegFormer is drawn at random")
    parser.add_argument("--output-dir", default="outputs/segmentation")
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args(argv)
    set_seed(0)
    side = 512 if options.model else 32
    data = Discs(SegformerImageProcessor(size={"height": side, "width": side}), options.data)
    train, validation = random_split(data, [0.75, 0.25], torch.Generator().manual_seed(0))
    args = MetaLRTrainingArguments(
        options.output_dir,
        num_train_epochs=options.epochs,
        learning_rate=1e-3,
        trust_region=options.model is not None,  # the sizes of weights that are freshly drawn say nothing
        save_strategy="no",
        batch_eval_metrics=True,
        dataloader_pin_memory=False,
    )
    scoring = make_scoring(Task("segmentation", "image"), num_labels=2)
    trainer = MetaLRTrainer(make_model(options.model), args, train_dataset=train, eval_dataset=validation, **scoring)
    trainer.train()
    print({name: round(value, 3) for name, value in trainer.evaluate().items() if "dice" in name})
    return trainer


if __name__ == "__main__":
    main()
