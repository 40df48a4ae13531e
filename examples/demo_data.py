"""The images and the network of the demo, and the check of what it saves. Both are shipped: examples/assets."""

from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, DatasetDict, load_dataset
from transformers import AutoModelForImageClassification, set_seed

ASSETS = Path(__file__).parent / "assets"
NETWORK, IMAGES = ASSETS / "mobilenetv2", ASSETS / "pneumoniamnist"


def load_data(processor: Any, train_size: int, seed: int) -> DatasetDict:
    """Load the official splits, the training split cut down to a class-stratified part."""
    splits = ("train", "validation", "test")
    data = load_dataset("parquet", data_files={split: str(IMAGES / f"{split}.parquet") for split in splits})
    part = data["train"].train_test_split(train_size=train_size, stratify_by_column="label", seed=seed)
    data["train"] = part["train"]

    def prepare(batch: dict[str, list[Any]]) -> dict[str, Any]:
        images = [image.convert("RGB") for image in batch["image"]]  # the X-rays are grey
        return {"pixel_values": processor(images)["pixel_values"], "labels": batch["label"]}

    return data.with_transform(prepare)


def load_network(names: list[str], seed: int) -> torch.nn.Module:
    """Load the pre-trained network. Its head is new, so it is drawn from the seed."""
    set_seed(seed)
    model = AutoModelForImageClassification.from_pretrained(
        NETWORK, num_labels=len(names), id2label=dict(enumerate(names)), classifier_dropout_prob=0.2
    )
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = (
                0.1  # PyTorch's default. Transformers' 0.997 would evaluate with the last batch's statistics.
            )
    return model


def require_equal_logits(model: torch.nn.Module, folder: Path, dataset: Dataset) -> None:
    """Load the saved model again and compare its answers with those of the trained one."""
    pixels = torch.stack([torch.as_tensor(image) for image in dataset[:16]["pixel_values"]]).to(model.device)
    saved = AutoModelForImageClassification.from_pretrained(folder).to(model.device)
    with torch.no_grad():
        if not torch.equal(saved.eval()(pixels).logits, model.eval()(pixels).logits):
            raise RuntimeError(f"The model saved in {folder} answers otherwise than the trained one.")
