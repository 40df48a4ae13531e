"""Models that commands are tried on: the shipped network, a pretended fine-tune of it, and a text model."""

from pathlib import Path

import torch
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    BertConfig,
    BertForSequenceClassification,
    BertTokenizerFast,
)

ASSETS = Path(__file__).parents[2] / "examples" / "assets"
NETWORK = ASSETS / "mobilenetv2"
IMAGES = ASSETS / "pneumoniamnist" / "validation.parquet"


def save_fine_tuned(folder: Path, names: tuple[str, ...] = ("normal", "pneumonia")) -> Path:
    """Save the shipped network with another head and weights moved by 2 % of their spread."""
    torch.manual_seed(0)
    model = AutoModelForImageClassification.from_pretrained(
        NETWORK, num_labels=len(names), id2label=dict(enumerate(names))
    )
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.numel() > 1:
                parameter.add_(0.02 * parameter.std() * torch.randn_like(parameter))
    model.save_pretrained(folder)
    AutoImageProcessor.from_pretrained(NETWORK).save_pretrained(folder)
    return folder


def save_text_model(folder: Path, moved: float = 0.0) -> Path:
    """Save a tiny BERT that knows a handful of words, its weights moved by normal noise of this size."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "dog", "two", "dogs", "one"]
    (folder / "vocab.txt").write_text("\n".join(words))
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
    )
    torch.manual_seed(0)
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(moved * torch.randn_like(parameter))
    model.save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder
