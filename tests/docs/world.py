"""What a reader of the documents has at hand, small: models under the Hub ids of the pages, and data of their own."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image
from transformers import (
    BertTokenizerFast,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    SegformerConfig,
    SegformerForImageClassification,
    SegformerImageProcessor,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
    set_seed,
)

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "film", "good", "bad", "dull", "fine"]


def make_vit(folder: Path) -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    ViTForImageClassification(ViTConfig(image_size=16, patch_size=8, num_labels=5, **sizes)).save_pretrained(folder)
    ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)


def make_segformer(folder: Path) -> None:
    sizes = {"depths": [1, 1], "sr_ratios": [2, 1], "hidden_sizes": [8, 16], "patch_sizes": [3, 3], "strides": [2, 2]}
    more = {"num_attention_heads": [1, 2], "mlp_ratios": [2, 2], "decoder_hidden_size": 8, "num_encoder_blocks": 2}
    SegformerForImageClassification(SegformerConfig(**sizes, **more)).save_pretrained(folder)
    SegformerImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)


def make_distilbert(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    sizes = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 16}
    DistilBertForSequenceClassification(DistilBertConfig(vocab_size=len(WORDS), **sizes)).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=16).save_pretrained(folder)


MODELS: dict[str, Callable[[Path], None]] = {
    "google/vit-base-patch16-224": make_vit,
    "nvidia/mit-b0": make_segformer,
    "distilbert/distilbert-base-uncased": make_distilbert,
}


def save_image(path: Path, brightness: float, random: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.clip(random.normal(brightness, 30, size=(16, 16)), 0, 255)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def write_table(path: Path, rows: Iterable[dict[str, object]]) -> None:
    rows = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def build(folder: Path) -> None:
    """Write models and data into an empty folder; a page's code runs in it."""
    set_seed(0)
    random = np.random.default_rng(0)
    for name, make in MODELS.items():
        make(folder / name)
    for split in ("train", "validation"):
        for index in range(16):
            finding = ("normal", "pneumonia")[index % 2]
            save_image(folder / "scans" / split / finding / f"{index}.png", 80 + 80 * (index % 2), random)
    rows = []
    for patient in range(12):
        for image in range(2):
            file = f"xrays/{patient}_{image}.png"
            save_image(folder / file, 80 + 80 * (patient % 2), random)
            rows.append({"file": file, "patient": patient, "finding": ("normal", "pneumonia")[patient % 2]})
    write_table(folder / "clinic.csv", rows)
    findings = ("effusion", "mass", "nodule")
    write_table(
        folder / "findings.csv",
        [
            {"file": row["file"], "patient": row["patient"]} | {f: (i >> bit) & 1 for bit, f in enumerate(findings)}
            for i, row in enumerate(rows)
        ],
    )
    for index in range(8):
        save_image(folder / "polyps" / "images" / f"{index}.png", 100, random)
        mask = Image.fromarray((np.arange(256).reshape(16, 16) % 16 < 8).astype(np.uint8))
        (folder / "polyps" / "masks").mkdir(exist_ok=True)
        mask.save(folder / "polyps" / "masks" / f"{index}.png")
    texts = [("a good film", 1), ("a fine film", 1), ("a bad film", 0), ("a dull film", 0)] * 6
    write_table(folder / "reviews.csv", [{"text": text, "label": label} for text, label in texts])
