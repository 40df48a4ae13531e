"""Which task a table looks like, and why."""

from hf_metalr.data.labels.labels import (
    FEW,
    SEPARATOR,
    LabelColumn,
    is_multi_hot,
    is_whole,
    require_plain_meaning,
    unwrapped,
)
from hf_metalr.data.labels.tasks import Modality, Task, TaskName
from hf_metalr.data.tables.columns import is_image, is_text, values_of
from hf_metalr.data.tables.table import Table


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
