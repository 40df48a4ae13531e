"""Which figures an evaluation has, by the names of their files; each is drawn when it is asked for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hf_metalr.evaluation.answers import Answers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {
    "confusion_matrix": "Confusion matrix: rows are the truth, columns the answers",
    "curves": "ROC and precision-recall curves; dotted: without any signal",
    "reliability": "Reliability: how often it is so, against how sure the model is",
    "numbers": "Answers against truth, Bland-Altman, and errors",
    "dice_by_image": "Dice of every image",
}


def figures_of(content: dict[str, Any], answers: Answers) -> "dict[str, Callable[[], Figure]]":
    """Return the figures of an evaluation.

    Args:
        content: of `evaluation.json`, every number finite or None.
        answers: to the rows.

    Raises:
        ImportError: matplotlib is not installed.
    """
    from hf_metalr.plotting import evaluation as plots

    found: dict[str, Callable[[], Figure]] = {}
    if matrix := content.get("confusion_matrix"):
        found["confusion_matrix"] = lambda: plots.plot_confusion_matrix(matrix["matrix"], matrix["classes"])
    if curves := content.get("curves"):
        found["curves"] = lambda: plots.plot_curves(curves)
    if calibration := content.get("calibration"):
        found["reliability"] = lambda: plots.plot_reliability(calibration)
    if answers.task.name == "regression" and len(answers.truth) > 1:
        agreement = content["bland_altman"]
        found["numbers"] = lambda: plots.plot_numbers(
            answers.truth.tolist(), answers.answers.tolist(), agreement["limits_of_agreement"], agreement["bias"]
        )
    if answers.task.name == "segmentation":
        found["dice_by_image"] = lambda: plots.plot_overlaps(answers.scores().by_image(), answers.names)
    return found
