"""Fine-tune a pre-trained MobileNetV2 on chest X-rays with learned rates. Offline, on a CPU.

Run: python examples/image_classification.py
Data and weights are shipped; see examples/assets/README.md.
"""

import argparse
from pathlib import Path
from typing import Any

from datasets import load_dataset
from transformers import AutoImageProcessor, AutoModelForImageClassification, set_seed

from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments
from hf_metalr.metrics import make_compute_metrics

ASSETS = Path(__file__).parent / "assets"


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--output-dir", default="outputs/image_classification", help="where everything is written")
    parser.add_argument("--epochs", type=int, default=4, help="passes over the training images")
    parser.add_argument("--train-size", type=int, default=400, help="how many of the 4708 training images to use")
    parser.add_argument("--learning-rate", type=float, default=1e-4, help="where all rates start")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> MetaLRTrainer:
    """Train, keep the best epoch by validation, and look at the test images once."""
    options = parse_arguments(argv)
    set_seed(0)
    files = {split: str(ASSETS / "pneumoniamnist" / f"{split}.parquet") for split in ("train", "validation", "test")}
    data = load_dataset("parquet", data_files=files)
    data["train"] = data["train"].train_test_split(
        train_size=options.train_size, stratify_by_column="label", seed=0
    )["train"]  # fmt: skip
    names = data["train"].features["label"].names
    processor = AutoImageProcessor.from_pretrained(ASSETS / "mobilenetv2")
    model = AutoModelForImageClassification.from_pretrained(
        ASSETS / "mobilenetv2", num_labels=len(names), id2label=dict(enumerate(names)), classifier_dropout_prob=0.2
    )

    def prepare(batch: dict[str, list[Any]]) -> dict[str, Any]:
        images = [image.convert("RGB") for image in batch["image"]]  # the X-rays are grey
        return {"pixel_values": processor(images)["pixel_values"], "labels": batch["label"]}

    data = data.with_transform(prepare)
    args = MetaLRTrainingArguments(
        options.output_dir,
        num_train_epochs=options.epochs,
        learning_rate=options.learning_rate,
        per_device_train_batch_size=32,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="balanced_accuracy",
        remove_unused_columns=False,  # the transform needs the column `image`
        dataloader_pin_memory=False,
    )
    trainer = MetaLRTrainer(
        model,
        args,
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        compute_metrics=make_compute_metrics(),
    )
    trainer.train()
    trainer.save_model()
    print(trainer.evaluate(data["test"], metric_key_prefix="test"))
    for name, lr in trainer.learning_rates.items():
        print(f"{name:>12} {lr:.1e}")
    return trainer


if __name__ == "__main__":
    main()
