"""Seconds per training step inside `transformers.Trainer` and `MetaLRTrainer`."""

import tempfile
from collections.abc import Callable
from functools import partial

from torch.utils.data import Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from benchmarks.workloads import LEARNING_RATE, Batch, Workload, seconds
from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments

WARM_UP_STEPS = 2  # the first step makes the optimizer's state, the second the displacement buffers


class Images(Dataset):
    """The examples of one of the workload's batches, repeated for as many steps as are trained."""

    def __init__(self, workload: Workload, steps: int) -> None:
        batch = next(workload.batches())
        self._examples = [
            {"pixel_values": image, "labels": label}
            for image, label in zip(batch["pixel_values"], batch["labels"], strict=True)
        ]
        self._length = steps * workload.batch_size

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Batch:
        return self._examples[index % len(self._examples)]


class StepClock(TrainerCallback):
    """Notes the time at the end of every training step."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, args, state, control, **kwargs) -> None:
        self.ends.append(seconds())

    def seconds_per_step(self) -> float:
        """Return the mean duration of the steps after the warm-up."""
        timed = self.ends[WARM_UP_STEPS - 1 :]
        return (timed[-1] - timed[0]) / (len(timed) - 1)


def train(workload: Workload, steps: int, trainer_class: type[Trainer], arguments: Callable) -> float:
    """Train a fresh model and return the seconds per step, data loading included."""
    clock = StepClock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_class(
            model=workload.new_model(),
            args=arguments(
                output_dir=folder,
                per_device_train_batch_size=workload.batch_size,
                max_steps=WARM_UP_STEPS + steps,
                learning_rate=LEARNING_RATE,
                lr_scheduler_type="constant",
                logging_strategy="no",
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                use_cpu=True,
            ),
            train_dataset=Images(workload, WARM_UP_STEPS + steps),
            callbacks=[clock],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return clock.seconds_per_step()


def _metalr(estimator: str, meta_every: int = 1) -> Callable[[Workload, int], float]:
    arguments = partial(MetaLRTrainingArguments, meta_estimator=estimator, meta_every=meta_every)
    return partial(train, trainer_class=MetaLRTrainer, arguments=arguments)


METHODS: dict[str, Callable[[Workload, int], float]] = {
    "plain": partial(train, trainer_class=Trainer, arguments=TrainingArguments),
    "next_batch": _metalr("next_batch"),
    "lookahead": _metalr("lookahead"),
    "lookahead, every 5": _metalr("lookahead", meta_every=5),
}
