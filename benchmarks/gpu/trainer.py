"""A step of `MetaLRTrainer` against one of plain `Trainer`, data loading and callbacks included."""

import argparse
import statistics
import tempfile
import time
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import PrinterCallback, Trainer, TrainingArguments

from benchmarks.gpu.models import Workload, workloads
from benchmarks.gpu.steps import METHODS


class Repeated(Dataset):
    """The examples of one batch, over and over."""

    def __init__(self, batch: dict[str, torch.Tensor], length: int) -> None:
        self.batch, self.length = {name: values.cpu() for name, values in batch.items()}, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {name: values[index % len(values)] for name, values in self.batch.items()}


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a row for every method, on the first workload."""
    workload = workloads(options)[0]
    steps, turns = (3, 1) if options.smoke else (30, 3)
    methods = list(METHODS)
    times: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(turns):
        for name in methods:
            times[name].append(_seconds(workload, name, steps, options))
    return [
        {
            "method": name,
            "milliseconds": round(1000 * statistics.median(times[name]), 3),
            "ratio": round(statistics.median(map(float.__truediv__, times[name], times["plain"])), 4),
        }
        for name in methods
    ]


def _seconds(workload: Workload, method: str, steps: int, options: argparse.Namespace) -> float:
    from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments  # needs what may be absent

    settings = METHODS[method]
    renamed = {"estimator": "meta_estimator"}
    learned = {renamed.get(name, name): value for name, value in (settings or {}).items()}
    model, batch = workload.make(options.device)
    warm_up = 2
    marks: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        arguments = (TrainingArguments if settings is None else MetaLRTrainingArguments)(
            output_dir=folder,
            per_device_train_batch_size=len(batch["labels"]),
            max_steps=warm_up + steps,
            learning_rate=1e-5,
            bf16=options.device.type == "cuda",
            use_cpu=options.device.type == "cpu",
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            **learned,
        )
        data = Repeated(batch, len(batch["labels"]) * (warm_up + steps))
        trainer_class = Trainer if settings is None else MetaLRTrainer
        trainer = _timed(trainer_class, marks, options)(model=model, args=arguments, train_dataset=data)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return (marks[-1] - marks[warm_up]) / (len(marks) - 1 - warm_up)


def _timed(trainer_class: type[Trainer], marks: list[float], options: argparse.Namespace) -> type[Trainer]:
    class Timed(trainer_class):  # type: ignore[misc, valid-type]
        """Notes when each training step begins."""

        def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
            if len(marks) in (2, self.args.max_steps - 1) and options.device.type == "cuda":
                torch.cuda.synchronize()  # where time is read; not between, which would hide what runs ahead
            marks.append(time.perf_counter())
            return super().training_step(*args, **kwargs)

    return Timed
