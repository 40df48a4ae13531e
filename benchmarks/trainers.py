"""Training of each method inside `transformers.Trainer` or `MetaLRTrainer`."""

import tempfile
from collections.abc import Callable
from functools import partial

from torch.utils.data import Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from benchmarks.in_turns import Pace
from benchmarks.workloads import LEARNING_RATE, Batch, Workload
from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments

STEPS = 10_000  # more than is ever timed


class Images(Dataset):
    """The examples of one of the workload's batches, repeated for as many steps as could be trained."""

    def __init__(self, workload: Workload) -> None:
        batch = next(workload.batches())
        self._examples = [
            {"pixel_values": image, "labels": label}
            for image, label in zip(batch["pixel_values"], batch["labels"], strict=True)
        ]

    def __len__(self) -> int:
        return STEPS * len(self._examples)

    def __getitem__(self, index: int) -> Batch:
        return self._examples[index % len(self._examples)]


class PaceCallback(TrainerCallback):
    """Ends a step of the benchmark where a step of the Trainer ends, data loading and callbacks included."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def on_step_end(self, args, state, control, **kwargs) -> None:
        self._pace()


def train(workload: Workload, pace: Pace, trainer_class: type[Trainer], arguments: Callable) -> None:
    """Train a fresh model until the pace ends it."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_class(
            model=workload.new_model(),
            args=arguments(
                output_dir=folder,
                per_device_train_batch_size=workload.batch_size,
                max_steps=STEPS,
                learning_rate=LEARNING_RATE,
                lr_scheduler_type="constant",
                logging_strategy="no",
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                use_cpu=True,
            ),
            train_dataset=Images(workload),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(PaceCallback(pace))  # last, so that the other callbacks of a step count
        trainer.train()


def _metalr(estimator: str, meta_every: int = 1) -> Callable[[Workload, Pace], None]:
    arguments = partial(
        MetaLRTrainingArguments,
        meta_estimator=estimator,
        lr_update="proportional",
        meta_every=meta_every,
        trust_region=False,
    )
    return partial(train, trainer_class=MetaLRTrainer, arguments=arguments)


METHODS: dict[str, Callable[[Workload, Pace], None]] = {
    "plain": partial(train, trainer_class=Trainer, arguments=TrainingArguments),
    "next_batch": _metalr("next_batch"),
    "lookahead": _metalr("lookahead"),
    "lookahead, every 5": _metalr("lookahead", meta_every=5),
}
