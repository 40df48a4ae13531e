"""What a method is given, and the Trainer that all of them share: the stock one with Transformers' defaults."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from benchmarks.accuracy.cell import Cell
from benchmarks.accuracy.samples import Samples


@dataclass(frozen=True)
class Task:
    """What a method is given.

    Args:
        cell: the run.
        network: with its new head.
        train: training samples.
        compute_metrics: of the evaluations that follow.
        folder: scratch space that lives as long as the run.
        validation: held-out samples, for a method that learns from them; None where none may.
        callbacks: watch every Trainer that the method makes.
    """

    cell: Cell
    network: nn.Module
    train: Samples
    compute_metrics: Callable[[Any], dict[str, float]]
    folder: str
    validation: Samples | None = None
    callbacks: tuple[TrainerCallback, ...] = ()

    def settings(self, **defaults: Any) -> dict[str, Any]:
        """Return the cell's settings over the method's defaults.

        Raises:
            ValueError: a setting that the method does not have.
        """
        if unknown := set(self.cell.settings) - set(defaults):
            raise ValueError(f"{self.cell.method} has the settings {sorted(defaults)}; found also {sorted(unknown)}.")
        return defaults | dict(self.cell.settings)


def make_trainer(
    task: Task,
    changes: dict[str, Any],
    trainer: type[Trainer] = Trainer,
    arguments: type[TrainingArguments] = TrainingArguments,
    **extras: Any,
) -> Trainer:
    """Return a Trainer with the shared arguments (constant schedule, nothing logged) and what a method changes in them.

    Args:
        task: what is trained on what.
        changes: arguments of the method.
        trainer: class of the Trainer.
        arguments: class of its arguments.
        extras: further parameters of the Trainer, such as ``optimizers``.
    """
    cell = task.cell
    shared = {
        "output_dir": task.folder,
        "max_steps": cell.steps,
        "per_device_train_batch_size": cell.batch,
        "per_device_eval_batch_size": 64,
        "learning_rate": cell.rate,
        "optim": "adamw_torch_fused",  # Trainer's choice from torch 2.8 on; what is built by hand is the same one
        "lr_scheduler_type": "constant",
        "seed": cell.seed,
        "use_cpu": True,
        "logging_strategy": "no",
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }
    made = trainer(
        model=task.network,
        args=arguments(**(shared | changes)),
        train_dataset=task.train,
        compute_metrics=task.compute_metrics,
        **extras,
    )
    made.remove_callback(PrinterCallback)
    for callback in task.callbacks:
        made.add_callback(callback)
    return made
