"""Fine-tuned models in miniature: a head with names, and weights large enough that answers differ."""

from pathlib import Path

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertTokenizerFast,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    SegformerImageProcessor,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from tests.training.tables import SIDE

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "dog", "two", "dogs", "one"]


def stirred(model: torch.nn.Module) -> torch.nn.Module:
    """Draw all weights so large that inputs tell."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def named(names: tuple[str, ...]) -> dict[str, object]:
    return {"id2label": dict(enumerate(names)), "label2id": {name: number for number, name in enumerate(names)}}


def save_classifier(folder: Path, names: tuple[str, ...] = ("bright", "dark"), **settings: object) -> Path:
    config = ViTConfig(
        image_size=SIDE, patch_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, **named(names), **settings,
    )  # fmt: skip
    stirred(ViTForImageClassification(config)).save_pretrained(folder)
    # Not the defaults: a reader that takes those instead of the saved ones gives other numbers.
    processor = ViTImageProcessor(
        size={"height": SIDE, "width": SIDE}, image_mean=[0.2, 0.3, 0.4], image_std=[0.2, 0.3, 0.25]
    )
    processor.save_pretrained(folder)
    return folder


def save_reader(folder: Path, names: tuple[str, ...] = ("cat", "dog"), **settings: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=16, **named(names), **settings,
    )  # fmt: skip
    stirred(BertForSequenceClassification(config)).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=16).save_pretrained(folder)
    return folder


def save_segmenter(folder: Path, names: tuple[str, ...] = ("0", "255")) -> Path:
    config = SegformerConfig(
        num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[8, 16], patch_sizes=[3, 3],
        strides=[2, 2], num_attention_heads=[1, 2], mlp_ratios=[2, 2], decoder_hidden_size=16, **named(names),
    )  # fmt: skip
    model = stirred(SegformerForSemanticSegmentation(config)).eval()
    with torch.no_grad():  # every class somewhere
        pixels = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        logits = model(pixels).logits.transpose(0, 1).flatten(1)
        model.decode_head.classifier.bias -= logits.median(dim=1).values
    model.save_pretrained(folder)
    SegformerImageProcessor(size={"height": 32, "width": 32}, do_reduce_labels=False).save_pretrained(folder)
    return folder
