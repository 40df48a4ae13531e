"""Fine-tune a pre-trained MobileNetV2 on chest X-rays, with and without learned learning rates. Offline, on a CPU.

Run: python examples/demo.py  (or `make demo`). Data and weights are shipped; see examples/assets/README.md.
"""

import argparse
import copy
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, DatasetDict, load_dataset
from transformers import AutoImageProcessor, AutoModelForImageClassification, Trainer, TrainingArguments, set_seed

from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments
from hf_metalr.engine.history import HISTORY_NAME, read_history
from hf_metalr.metrics import make_compute_metrics
from hf_metalr.model_card import CardFacts, build_model_card
from hf_metalr.plotting import plot_learning_rates

ASSETS = Path(__file__).parent / "assets"
NETWORK, IMAGES = ASSETS / "mobilenetv2", ASSETS / "pneumoniamnist"
METRICS = {"balanced_accuracy": "bal. acc.", "auroc": "AUROC", "accuracy": "accuracy"}
SETTINGS = ("lr_update", "learning_rate", "num_train_epochs", "per_device_train_batch_size", "seed")
Results = dict[str, dict[str, dict[str, float]]]  # model -> split -> metric -> value


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line. Of 1e-4, 3e-4 and 1e-3, the learning rate is the best for both runs on validation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--output-dir", type=Path, default=Path("outputs/demo"), help="where everything is written")
    parser.add_argument("--epochs", type=int, default=6, help="passes over the training images")
    parser.add_argument("--train-size", type=int, default=400, help="how many of the 4708 training images to use")
    parser.add_argument("--learning-rate", type=float, default=1e-3, help="of both runs; where learned rates start")
    parser.add_argument("--seed", type=int, default=0, help="of the chosen images, the new head and both runs")
    parser.add_argument(
        "--meta-estimator",
        default=MetaLRTrainingArguments.meta_estimator,
        choices=["lookahead", "next_batch"],
        help="how the learning rates are judged",
    )
    return parser.parse_args(argv)


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


def evaluate(trainer: Trainer, dataset: Dataset) -> dict[str, float]:
    """Return the metrics of a trainer's model."""
    metrics = trainer.evaluate(dataset)
    return {name: metrics[f"eval_{name}"] for name in METRICS}


def require_equal_logits(model: torch.nn.Module, folder: Path, dataset: Dataset) -> None:
    """Load the saved model again and compare its answers with those of the trained one."""
    pixels = torch.stack([torch.as_tensor(image) for image in dataset[:16]["pixel_values"]]).to(model.device)
    saved = AutoModelForImageClassification.from_pretrained(folder).to(model.device)
    with torch.no_grad():
        if not torch.equal(saved.eval()(pixels).logits, model.eval()(pixels).logits):
            raise RuntimeError(f"The model saved in {folder} answers otherwise than the trained one.")


def write_card(options: argparse.Namespace, trainer: MetaLRTrainer, results: Results) -> Path:
    """Write the model card beside the saved model, and return its path."""
    args, plain = trainer.args, results["plain Trainer"]["test"]
    facts = CardFacts(
        model_name="MobileNetV2 for PneumoniaMNIST",
        initial_lrs={name: bounds.clip(options.learning_rate) for name, bounds in trainer.metalr.lr_bounds.items()},
        learned_lrs=trainer.learning_rates,
        meta_estimator=args.meta_estimator,
        settings={name: getattr(args, name) for name in SETTINGS},
        model_class="AutoModelForImageClassification",
        base_model_text="Started from MobileNetV2 1.0 of ImageNet, its last layers tuned on 19 dog breeds.",
        dataset_name="PneumoniaMNIST",
        dataset_text=f"Trained on {options.train_size} of the 4708 training images, class-stratified.",
        task="image-classification",
        results=results["MetaLR"],
        figure_file="learned_rates.png",
        remarks="Plain fine-tuning at the same rate and seed, on the test split: "
        + ", ".join(f"{label} {plain[name]:.3f}" for name, label in METRICS.items())
        + ". One run each: differences of a few hundredths are noise. Not for clinical use.",
        versions={name: version(name) for name in ("hf-metalr", "transformers", "torch", "datasets")},
        license="mit",
    )
    path = options.output_dir / "README.md"
    build_model_card(facts).save(path)
    return path


def print_table(results: Results) -> None:
    """Print one line per model with the metrics of both splits."""
    columns = [(split, name) for split in ("validation", "test") for name in METRICS]
    print("\n" + " " * 16 + "".join(f"{split:<33}" for split in ("validation", "test")))
    print(" " * 16 + "".join(f"{METRICS[name]:<11}" for _, name in columns))
    for model, splits in results.items():
        print(f"{model:<16}" + "".join(f"{splits[split][name]:<11.3f}" for split, name in columns))


def main(argv: list[str] | None = None) -> None:
    """Train twice from the same start, evaluate all three models, and write what was learned."""
    options = parse_arguments(argv)
    processor = AutoImageProcessor.from_pretrained(NETWORK)
    data = load_data(processor, options.train_size, options.seed)
    network = load_network(data["train"].features["label"].names, options.seed)
    shared = {"num_train_epochs": options.epochs, "learning_rate": options.learning_rate, "seed": options.seed}
    shared |= {"per_device_train_batch_size": 32, "per_device_eval_batch_size": 64, "logging_strategy": "epoch"}
    shared |= {"save_strategy": "no", "dataloader_pin_memory": False}
    shared |= {"remove_unused_columns": False}  # the transform needs the column `image`
    out = options.output_dir
    runs = {
        "start": (Trainer, TrainingArguments(str(out), **shared)),
        "plain Trainer": (Trainer, TrainingArguments(str(out), **shared)),
        "MetaLR": (
            MetaLRTrainer,
            MetaLRTrainingArguments(str(out), meta_estimator=options.meta_estimator, **shared),
        ),
    }
    trainers, results = {}, {}
    for name, (trainer_class, args) in runs.items():
        trainers[name] = trainer_class(
            model=copy.deepcopy(network),
            args=args,
            train_dataset=data["train"],
            compute_metrics=make_compute_metrics(),
        )
        if name != "start":
            trainers[name].train()
        results[name] = {"validation": evaluate(trainers[name], data["validation"])}
    for name, trainer in trainers.items():  # the only pass over the test split, with everything decided
        results[name]["test"] = evaluate(trainer, data["test"])

    trained = trainers["MetaLR"]
    trained.save_model(str(out))
    processor.save_pretrained(out)
    require_equal_logits(trained.model, out, data["validation"])
    plot_learning_rates(read_history(out / HISTORY_NAME)).savefig(out / "learned_rates.png", dpi=200)
    card = write_card(options, trained, results)
    print_table(results)
    print(f"\nlearned rates  {out / 'learned_rates.png'}\nhistory        {out / HISTORY_NAME}\nmodel card     {card}")


if __name__ == "__main__":
    main()
