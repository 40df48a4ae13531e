"""Tiny models and data for the trainer's tests, and one way to run them."""

import math
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    ConvNextConfig,
    ConvNextForImageClassification,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
    Trainer,
    TrainingArguments,
    ViTConfig,
    ViTForImageClassification,
    set_seed,
)

from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments

ESTIMATORS = ["lookahead", "next_batch"]
PAPERS_METHOD = {"meta_estimator": "lookahead", "lr_update": "proportional", "trust_region": False}


class Images(Dataset):
    """Noisy images whose mean tells their label."""

    def __init__(self, size: int, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.labels = torch.arange(size) % 3
        self.pixels = torch.randn(size, 3, 16, 16, generator=generator) + self.labels[:, None, None, None]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"pixel_values": self.pixels[index], "labels": int(self.labels[index])}


class Texts(Dataset):
    """Token sequences whose first token tells their label."""

    def __init__(self, size: int, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.tokens = torch.randint(3, 30, (size, 12), generator=generator)
        self.tokens[:, 0] = torch.arange(size) % 3

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"input_ids": self.tokens[index], "labels": int(self.tokens[index, 0])}


def make_vit(dropout: float = 0.1, **config: Any) -> PreTrainedModel:
    set_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    image = {"image_size": 16, "patch_size": 8, "num_labels": 3, "hidden_dropout_prob": dropout}
    return ViTForImageClassification(ViTConfig(**(sizes | image | config)))


def make_convnext() -> PreTrainedModel:
    set_seed(0)
    config = ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, patch_size=2, num_labels=3)
    return ConvNextForImageClassification(config)


def make_bert(num_labels: int = 3) -> PreTrainedModel:
    set_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    return BertForSequenceClassification(
        BertConfig(vocab_size=30, num_labels=num_labels, max_position_embeddings=16, **sizes)
    )


def assert_learned(trainer: Any) -> None:
    rates = trainer.learning_rates
    assert len(set(rates.values())) > min(2, len(rates) - 1)
    assert all(math.isfinite(lr) and lr > 0 for lr in rates.values())


def make_gpt2() -> GPT2LMHeadModel:
    set_seed(0)
    config = GPT2Config(vocab_size=30, n_positions=16, n_embd=16, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2)
    return GPT2LMHeadModel(config)


def language(size: int = 48) -> list[dict[str, torch.Tensor]]:
    return [{"input_ids": row["input_ids"], "labels": row["input_ids"]} for row in Texts(size)]


def masked_language(rows: range) -> list[dict[str, torch.Tensor]]:
    """As `language`, without a label in some rows."""
    sequences = language()
    for row in rows:
        sequences[row] = sequences[row] | {"labels": torch.full_like(sequences[row]["labels"], -100)}
    return sequences


def arguments(output_dir: Any, **settings: Any) -> MetaLRTrainingArguments:
    """The paper's method with free rates, unless the settings say otherwise."""
    return MetaLRTrainingArguments(**(_common(output_dir) | PAPERS_METHOD | settings))


def make_trainer(output_dir: Any, model: Any = None, train: Any = None, **settings: Any) -> MetaLRTrainer:
    """A `MetaLRTrainer`; settings that are not arguments of it are fields of `MetaLRTrainingArguments`."""
    own = {key: settings.pop(key) for key in _TRAINER_ONLY & settings.keys()}
    if "model_init" not in own:
        own["model"] = make_vit() if model is None else model
    data = Images(48) if train is None else train
    return MetaLRTrainer(args=arguments(output_dir, **settings), train_dataset=data, **own)


def make_plain_trainer(output_dir: Any, model: Any = None, train: Any = None, **settings: Any) -> Trainer:
    own = {key: settings.pop(key) for key in _TRAINER_ONLY & settings.keys()}
    args = TrainingArguments(**(_common(output_dir) | settings))
    data = Images(48) if train is None else train
    return Trainer(model=make_vit() if model is None else model, args=args, train_dataset=data, **own)


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def assert_equal_weights(left: torch.nn.Module, right: torch.nn.Module) -> None:
    """Bit for bit."""
    for name, value in left.state_dict().items():
        assert torch.equal(value, right.state_dict()[name]), name


_TRAINER_ONLY = {
    "eval_dataset",
    "meta_dataset",
    "compute_metrics",
    "processing_class",
    "compute_loss_func",
    "callbacks",
    "optimizers",
    "optimizer_cls_and_kwargs",
    "model_init",
}


def _common(output_dir: Any) -> dict[str, Any]:
    return {
        "output_dir": str(output_dir),
        "max_steps": 6,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-3,
        "logging_steps": 2,
        "report_to": "none",
        "use_cpu": True,
        "save_strategy": "no",
        "disable_tqdm": True,
        "seed": 3,
        "dataloader_pin_memory": False,
    }
