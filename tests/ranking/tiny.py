"""Tiny checkpoints in folders and tiny data sets to rank them on."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset, Features, Image, Value
from PIL import Image as Pillow
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from torch import nn
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, ViTImageProcessor

from tests.trainer.tiny import make_convnext, make_vit

SIDE = 16
WORDS = ["[PAD]", "[UNK]", "good", "bad", "fine", "poor", "the", "film"]


def pictures(count: int, classes: int = 3, seed: int = 0, noise: float = 40.0) -> list[Pillow.Image]:
    """Noisy images whose brightest colour channel tells their class."""
    random = np.random.default_rng(seed)
    pixels = random.normal(100, noise, (count, SIDE, SIDE, 3))
    for index in range(count):
        pixels[index, :, :, index % classes] += 12
    return [Pillow.fromarray(pixel.clip(0, 255).astype(np.uint8)) for pixel in pixels]


def image_data(count: int = 48, classes: int = 3, seed: int = 0, noise: float = 40.0) -> Dataset:
    columns = {"image": pictures(count, classes, seed, noise), "label": [index % classes for index in range(count)]}
    names = ClassLabel(names=[f"class {index}" for index in range(classes)])
    return Dataset.from_dict(columns, features=Features({"image": Image(), "label": names}))


def text_data(count: int = 24) -> Dataset:
    """Different texts of different lengths; some say the opposite of their label."""
    random = np.random.default_rng(0)
    texts: list[str] = []
    while len(texts) < count:
        label = len(texts) % 2
        says = "good" if (random.random() < 0.75) == bool(label) else "bad"
        words = random.permutation(["the", says, *random.choice(["film", "fine", "poor", "the"], 1 + len(texts) % 6)])
        if " ".join(words) not in texts:
            texts.append(" ".join(words))
    features = Features({"text": Value("string"), "label": ClassLabel(names=["bad", "good"])})
    return Dataset.from_dict({"text": texts, "label": [index % 2 for index in range(count)]}, features=features)


def processor() -> ViTImageProcessor:
    return ViTImageProcessor(size={"height": SIDE, "width": SIDE})


def save_vit(folder: Path, **config: Any) -> str:
    model = make_vit(**config)
    with torch.no_grad():
        model.classifier.weight.mul_(50)  # answers of its own for each image, which LEEP reads
    model.save_pretrained(folder)
    processor().save_pretrained(folder)
    return str(folder)


def save_convnext(folder: Path) -> str:
    make_convnext().save_pretrained(folder)
    processor().save_pretrained(folder)
    return str(folder)


def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", model_max_length=16)


def save_bert(folder: Path) -> str:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **sizes)
    BertModel(config).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return str(folder)


class Colours(nn.Module):
    """A backbone that sees the colours, through a layer of fixed weights, and one that is blind to them."""

    def __init__(self, sees: bool) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 1)
        self.body = nn.Conv2d(6, 6, 1)
        self.head = nn.Linear(6, 2)
        with torch.no_grad():
            weights = torch.cat([torch.eye(3), -torch.eye(3)])
            self.stem.weight.copy_((weights if sees else weights.new_full((6, 3), 0.0))[:, :, None, None])
            self.stem.bias.zero_()
            self.body.weight.copy_(torch.eye(6)[:, :, None, None])
            self.body.bias.copy_(torch.linspace(-0.1, 0.1, 6))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        hidden = self.body(self.stem(pixels))
        return self.head(hidden.mean((2, 3)))


def to_pixels(images: list[Pillow.Image]) -> torch.Tensor:
    pixels = np.stack([np.asarray(image) for image in images])
    return torch.tensor(pixels).permute(0, 3, 1, 2) / 255 - 0.4
