"""What a model may be for, and what each task calls for."""

from dataclasses import dataclass
from typing import Literal

from hf_metalr.errors import InputError

TaskName = Literal["classification", "multi-label", "segmentation", "regression"]
Modality = Literal["image", "text"]
TASKS: tuple[TaskName, ...] = ("classification", "multi-label", "segmentation", "regression")

_PROBLEM_TYPES = {
    "classification": "single_label_classification",
    "multi-label": "multi_label_classification",
    "segmentation": None,
    "regression": "regression",
}
# By which metric the best model is chosen, and the patience runs: one that unbalanced classes do not flatter and that
# is defined on any validation set.
_BEST_METRICS = {
    "classification": "balanced_accuracy",
    "multi-label": "mean_average_precision",
    "segmentation": "mean_dice",
    "regression": "rmse",
}
METRICS = {
    "classification": ("accuracy", "balanced_accuracy", "macro_f1", "auroc"),
    "multi-label": ("mean_average_precision", "auroc", "macro_f1", "micro_f1", "exact_match"),
    "segmentation": ("mean_iou", "mean_dice", "mean_dice_foreground", "pixel_accuracy"),
    "regression": ("mae", "rmse", "r2", "spearman"),
}
LOWER_IS_BETTER = {"loss", "mae", "rmse"}


@dataclass(frozen=True)
class Task:
    """A task on images or on texts.

    Raises:
        InputError: segmentation of texts, or an unknown task.
    """

    name: TaskName
    modality: Modality

    def __post_init__(self) -> None:
        if self.name not in TASKS:
            raise InputError("task", f"must be one of {', '.join(TASKS)}, found {self.name!r}.")
        if self.name == "segmentation" and self.modality == "text":
            raise InputError("task", "'segmentation' needs images, but the inputs are texts. Choose another one.")

    @property
    def auto_class(self) -> str:
        """Name of the class of Transformers that loads a model for the task."""
        if self.name == "segmentation":
            return "AutoModelForSemanticSegmentation"
        return "AutoModelForImageClassification" if self.modality == "image" else "AutoModelForSequenceClassification"

    @property
    def hub_task(self) -> str:
        """What the Hub calls the task."""
        if self.name == "segmentation":
            return "image-segmentation"
        return f"{self.modality}-classification"

    @property
    def problem_type(self) -> str | None:
        """What makes the model compute the task's loss."""
        return _PROBLEM_TYPES[self.name]

    @property
    def best_metric(self) -> str:
        """The metric that chooses the best model unless the user names another."""
        return _BEST_METRICS[self.name]

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is measured, beside the loss."""
        return METRICS[self.name]
