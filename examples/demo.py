"""Fine-tune a pre-trained MobileNetV2 on chest X-rays: plain `Trainer` at four rates, and MetaLR, which is told none.

Run: python examples/demo.py  (or `make demo`). Offline, on a CPU; data and weights are shipped, see
examples/assets/README.md. All runs share images, steps, seed and Trainer's own linear schedule. What a user would
choose is chosen on the validation split; the test split is looked at once, at the end.
"""

import argparse
import copy
from pathlib import Path

from datasets import Dataset
from demo_data import NETWORK, load_data, load_network, require_equal_logits
from demo_report import METALR, METRICS, choose_plain, plot_accuracy, print_table, write_card
from transformers import AutoImageProcessor, Trainer, TrainingArguments

from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments
from hf_metalr.engine.history import HISTORY_NAME, read_history
from hf_metalr.metrics import make_compute_metrics
from hf_metalr.plotting import plot_learning_rates
from hf_metalr.plotting.rate_axis import format_rate


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line. The first of the rates is Trainer's default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--output-dir", type=Path, default=Path("outputs/demo"), help="where everything is written")
    parser.add_argument("--epochs", type=int, default=6, help="passes over the training images")
    parser.add_argument("--train-size", type=int, default=400, help="how many of the 4708 training images to use")
    parser.add_argument(
        "--learning-rates",
        type=float,
        nargs="+",
        default=[5e-5, 1e-4, 1e-3, 1e-2],
        metavar="RATE",
        help="of plain Trainer, one run each",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the chosen images, the new head and all runs")
    parser.add_argument(
        "--meta-estimator",
        default=MetaLRTrainingArguments.meta_estimator,
        choices=["lookahead", "next_batch"],
        help="how the learning rates are judged",
    )
    return parser.parse_args(argv)


def evaluate(trainer: Trainer, dataset: Dataset) -> dict[str, float]:
    """Return the metrics of a trainer's model."""
    metrics = trainer.evaluate(dataset)
    return {name: metrics[f"eval_{name}"] for name in METRICS}


def main(argv: list[str] | None = None) -> None:
    """Train every run from the same start, evaluate, and write what was learned."""
    options = parse_arguments(argv)
    out = options.output_dir
    processor = AutoImageProcessor.from_pretrained(NETWORK)
    data = load_data(processor, options.train_size, options.seed)
    network = load_network(data["train"].features["label"].names, options.seed)
    shared = {"output_dir": str(out), "num_train_epochs": options.epochs, "seed": options.seed}
    shared |= {"per_device_train_batch_size": 32, "per_device_eval_batch_size": 64, "logging_strategy": "epoch"}
    shared |= {"save_strategy": "no", "dataloader_pin_memory": False}
    shared |= {"remove_unused_columns": False}  # the transform needs the column `image`
    rates = {f"Trainer, {format_rate(lr)}": lr for lr in sorted(options.learning_rates)}
    arguments = {"start": TrainingArguments(**shared)}
    arguments |= {run: TrainingArguments(learning_rate=lr, **shared) for run, lr in rates.items()}
    arguments[METALR] = MetaLRTrainingArguments(meta_estimator=options.meta_estimator, **shared)

    trainers, results = {}, {}
    for run, args in arguments.items():
        print(f"\n{run}")
        trainers[run] = (MetaLRTrainer if run == METALR else Trainer)(
            model=copy.deepcopy(network),
            args=args,
            train_dataset=data["train"],
            compute_metrics=make_compute_metrics(),
        )
        if run != "start":
            trainers[run].train()
        results[run] = {"validation": evaluate(trainers[run], data["validation"])}
    chosen = choose_plain(results, rates)
    for run, trainer in trainers.items():  # the only pass over the test split, with everything decided
        results[run]["test"] = evaluate(trainer, data["test"])

    trainers[METALR].save_model(str(out))
    processor.save_pretrained(out)
    require_equal_logits(trainers[METALR].model, out, data["validation"])
    plot_learning_rates(read_history(out / HISTORY_NAME)).savefig(out / "learned_rates.png", dpi=200)
    plot_accuracy(results, rates, chosen).savefig(out / "accuracy_by_rate.png", dpi=200)
    card = write_card(out, options.train_size, results, chosen)
    print_table(results, chosen)
    print(f"\naccuracy       {out / 'accuracy_by_rate.png'}\nlearned rates  {out / 'learned_rates.png'}")
    print(f"history        {out / HISTORY_NAME}\nmodel card     {card}")


if __name__ == "__main__":
    main()
