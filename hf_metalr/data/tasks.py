"""What a fine-tune may be for, what each task calls for, and which one a data set looks like."""

from dataclasses import dataclass
from typing import Any, Literal

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
        ValueError: segmentation of texts, or an unknown task.
    """

    name: TaskName
    modality: Modality

    def __post_init__(self) -> None:
        if self.name not in TASKS:
            raise ValueError(f"The task must be one of {', '.join(TASKS)}, found {self.name!r}.")
        if self.name == "segmentation" and self.modality == "text":
            raise ValueError("The task 'segmentation' needs images, but the inputs are texts. Choose another column.")

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


def guess_task(features: Any, input_column: str, label_columns: list[str]) -> tuple[Task, str]:
    """Return the task that the types of the columns speak for, and why, in words.

    Args:
        features: of the data set.
        input_column: images or texts.
        label_columns: where the labels are; several for one column per label.
    """
    from datasets import Image

    modality: Modality = "image" if isinstance(features[input_column], Image) else "text"
    if len(label_columns) > 1:
        return Task("multi-label", modality), f"{len(label_columns)} label columns"
    column = label_columns[0]
    feature = features[column]
    if isinstance(feature, Image):
        return Task("segmentation", modality), f"column '{column}' holds images"
    if hasattr(feature, "feature") or isinstance(feature, list):
        return Task("multi-label", modality), f"column '{column}' holds lists"
    if str(getattr(feature, "dtype", "")).startswith(("float", "double")):
        return Task("regression", modality), f"column '{column}' holds numbers with fractions"
    return Task("classification", modality), f"column '{column}' holds classes"
