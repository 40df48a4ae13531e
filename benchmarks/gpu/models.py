"""The networks of the GPU benchmark: real shapes with random weights, and tiny ones of the same kinds."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
)

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Workload:
    """A network and its batches. ``adapted``: LoRA factors alone are trained, in a frozen network."""

    name: str
    new_model: Callable[[], nn.Module]
    batch: Callable[[], Batch]
    adapted: bool = False

    def make(self, device: torch.device) -> tuple[nn.Module, Batch]:
        """Return the model, in training mode with float32 weights that train, and a batch, on the device."""
        torch.manual_seed(0)
        with torch.device(device):
            model = self.new_model().train()
            if self.adapted:
                model.to(torch.bfloat16).requires_grad_(False)
                add_lora(model)
            return model, self.batch()


class Lora(nn.Module):
    """``W x + B A x``, W frozen (arXiv 2106.09685); PEFT may be absent where this runs."""

    def __init__(self, base: nn.Linear, rank: int = 16) -> None:
        super().__init__()
        self.base = base
        self.lora_A = nn.Parameter(torch.randn(rank, base.in_features, device=base.weight.device) / rank)
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank, device=base.weight.device))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the sum of both."""
        low = nn.functional.linear(inputs, self.lora_A.to(inputs.dtype))
        return self.base(inputs) + nn.functional.linear(low, self.lora_B.to(inputs.dtype))


def add_lora(model: nn.Module) -> None:
    """Put adapters beside the query and value projections."""
    for module in list(model.modules()):
        for name in ("q_proj", "v_proj"):
            if isinstance(child := getattr(module, name, None), nn.Linear):
                setattr(module, name, Lora(child))


def workloads(options: argparse.Namespace) -> list[Workload]:
    """Return the networks by how telling they are."""
    tiny = options.smoke
    pixels, batch = (32, 2) if tiny else (224, 64)
    vit: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2} if tiny else {}
    resnet: dict[str, Any] = (
        {"embedding_size": 8, "hidden_sizes": [8, 8, 8, 16], "depths": [1, 1, 1, 1]} if tiny else {}
    )
    text: dict[str, Any] = vit | {"vocab_size": 100} if tiny else {}
    decoder: dict[str, Any] = {
        "vocab_size": 32000,
        "hidden_size": 2048,
        "intermediate_size": 5632,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
    }
    decoder = (text | {"intermediate_size": 64} if tiny else decoder) | {"attn_implementation": "sdpa"}

    def images() -> Batch:
        return {"pixel_values": torch.randn(batch, 3, pixels, pixels), "labels": torch.randint(10, (batch,))}

    def sentences() -> Batch:
        shape = (2, 16) if tiny else (32, 128)
        return {"input_ids": torch.randint(100, shape), "labels": torch.randint(2, shape[:1])}

    def tokens() -> Batch:
        ids = torch.randint(100, (2, 16) if tiny else (4, 2048))
        return {"input_ids": ids, "labels": ids}

    def causal() -> nn.Module:
        return LlamaForCausalLM(LlamaConfig(**decoder))

    return [
        Workload(
            "ViT-B/16, 64 images",
            lambda: ViTForImageClassification(ViTConfig(image_size=pixels, patch_size=16, num_labels=10, **vit)),
            images,
        ),
        Workload(
            "ResNet-50, 64 images", lambda: ResNetForImageClassification(ResNetConfig(num_labels=10, **resnet)), images
        ),
        Workload("BERT-base, 32 × 128 tokens", lambda: BertForSequenceClassification(BertConfig(**text)), sentences),
        Workload("1.3 B decoder, 4 × 2048 tokens", causal, tokens),
        Workload("LoRA on it", causal, tokens, adapted=True),
    ]
