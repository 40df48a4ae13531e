"""Fine-tune a text classifier with learned rates, from a table with the columns `text` and `label` (0, 1, …).

Run: python examples/text_classification.py --data reviews.csv --model distilbert/distilbert-base-uncased
"""

import argparse

from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, set_seed

from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments
from hf_metalr.metrics import make_compute_metrics


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", required=True, help="a CSV file")
    parser.add_argument("--model", default="distilbert/distilbert-base-uncased", help="a Hub id or a folder")
    parser.add_argument("--output-dir", default="outputs/text_classification", help="where everything is written")
    parser.add_argument("--epochs", type=int, default=3, help="passes over the training texts")
    parser.add_argument("--learning-rate", type=float, default=5e-5, help="where all rates start")
    parser.add_argument(
        "--lora",
        nargs="+",
        metavar="LAYER",
        help="train adapters of these layers only, such as q_lin v_lin (needs peft)",
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> MetaLRTrainer:
    """Train on four fifths of the texts and evaluate on the rest."""
    options = parse_arguments(argv)
    set_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    data = load_dataset("csv", data_files=options.data, split="train")
    classes = len(set(data["label"][:]))
    data = data.map(lambda batch: tokenizer(batch["text"], truncation=True), batched=True)
    data = data.train_test_split(test_size=0.2, seed=0)
    model = AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=classes)
    if options.lora:
        try:
            from peft import LoraConfig, get_peft_model
        except ModuleNotFoundError as error:
            raise SystemExit("--lora needs PEFT: pip install peft") from error

        model = get_peft_model(model, LoraConfig(task_type="SEQ_CLS", r=8, target_modules=options.lora))
    trainer = MetaLRTrainer(
        model,
        MetaLRTrainingArguments(
            options.output_dir,
            num_train_epochs=options.epochs,
            learning_rate=options.learning_rate,
            lr_scheduler_type="linear",  # multiplies the learned rates
            eval_strategy="epoch",
            save_strategy="no",
            dataloader_pin_memory=False,
        ),
        train_dataset=data["train"],
        eval_dataset=data["test"],
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=make_compute_metrics(),
    )
    trainer.train()
    trainer.save_model()
    for name, lr in trainer.learning_rates.items():
        print(f"{name:>12} {lr:.1e}")
    return trainer


if __name__ == "__main__":
    main()
