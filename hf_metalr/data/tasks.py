"""What a fine-tune may be for, what each task calls for, and which one a data set looks like."""

from dataclasses import dataclass
from typing import Literal

from hf_metalr.data.columns import is_image, is_text, values_of
from hf_metalr.data.labels import (
    FEW,
    SEPARATOR,
    LabelColumn,
    is_multi_hot,
    is_whole,
    require_plain_meaning,
    unwrapped,
)
from hf_metalr.data.table import Table
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


def guess_task(table: Table) -> tuple[Task, str]:
    """Return the task that types and values of the columns speak for, and why, in words.

    Raises:
        InputError: text that may hold one label or several; the message asks.
    """
    features, columns = table.dataset.features, table.label_columns
    modality: Modality = "image" if is_image(features[table.input_columns[0]]) else "text"
    if len(columns) > 1:
        return Task("multi-label", modality), f"{len(columns)} label columns"
    column = columns[0]
    if is_image(features[column]):
        return Task("segmentation", modality), f"column '{column}' holds images"
    name, reason = _guess(LabelColumn(column, features[column], values_of(table.dataset, column), table.name))
    return Task(name, modality), f"column '{column}' {reason}"


def _guess(column: LabelColumn) -> tuple[TaskName, str]:
    if getattr(column.feature, "names", None) is not None:
        return "classification", "holds classes"
    if is_text(column.feature):
        if any(SEPARATOR in value for value in column.complete()):
            return "multi-label", f"has {SEPARATOR} between labels"
        require_plain_meaning(column)
        return "classification", "holds words"
    values = unwrapped(column.complete())
    if any(isinstance(value, list) for value in values):
        return "multi-label", "holds rows of 0 and 1" if is_multi_hot(values) else "holds lists"
    if not any(isinstance(value, float) for value in values):
        return "classification", "holds classes"
    if not is_whole(values):
        return "regression", "holds numbers with fractions"
    if (count := len(set(values))) <= FEW:  # a gap or a program turned 0 and 1 into 0.0 and 1.0
        return "classification", f"holds numbers that are all whole, {count} different ones"
    return "regression", f"holds numbers written with a fraction, {count} different ones"
