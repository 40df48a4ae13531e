"""Two models on the same rows: paired differences with intervals, and McNemar's test.

AUROCs are compared by the same paired bootstrap as everything else, not by DeLong's test: that takes rows for
independent, while the bootstrap draws whole patients, and no library here has it.
"""

from typing import Any

import numpy as np
from scipy.stats import binomtest

from hf_metalr.errors import InputError
from hf_metalr.evaluation.answers import Answers
from hf_metalr.evaluation.resampling import Resamples, intervals, paired
from hf_metalr.inference.served import Served


def require_alike(served: Served, other: Served) -> None:
    """Refuse models that do not answer the same question.

    Raises:
        InputError: another task, or other classes.
    """
    if served.task != other.task or set(served.names) != set(other.names):
        raise InputError(
            "against",
            f"must be a model for the same task and classes as '{served.source}' ({served.task.name} of "
            f"{served.task.modality}s: {', '.join(served.names)}), found '{other.source}' ({other.task.name} of "
            f"{other.task.modality}s: {', '.join(other.names)}).",
        )


def compare(answers: Answers, other: Answers, draws: Resamples, confidence: float, grouped: bool) -> dict[str, Any]:
    """Return the other model's metrics, the differences (this one minus the other), and McNemar's test.

    Args:
        answers: of this model.
        other: of the other one to the same rows; its classes may have another order.
        draws: the resamples, the same for both.
        confidence: of the intervals.
        grouped: whether rows belong to groups, of which McNemar's test knows nothing.
    """
    first, second = answers.scores(), _overall(other)
    found: dict[str, Any] = {
        "metrics": intervals(second, draws, confidence),
        "differences": paired(_plain(first), second, draws, confidence),
    }
    if answers.task.name in ("classification", "multi-label"):
        found["mcnemar"] = mcnemar(_right(answers), _right(other)) | {"rows_taken_for_independent": grouped}
    return found


def mcnemar(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """Return McNemar's exact test of which rows two models get right (McNemar 1947).

    >>> mcnemar(np.array([True] * 6), np.array([False] * 6))["p_value"]
    0.03125
    """
    one, two = int((first & ~second).sum()), int((~first & second).sum())
    p = binomtest(one, one + two).pvalue if one + two else 1.0
    return {"only_this_right": one, "only_other_right": two, "p_value": float(p)}


def _right(answers: Answers) -> np.ndarray:
    if answers.task.name == "classification":
        names = np.array(answers.names)
        right: np.ndarray = names[answers.answers] == names[answers.truth]
        return right
    same: np.ndarray = (answers.answers == answers.truth).all(axis=1)
    return same


def _overall(answers: Answers) -> Any:
    return _plain(answers.scores())


def _plain(scores: Any) -> Any:
    """The metrics of all classes together: those of single classes have other numbers in another model."""
    return lambda weights: {name: value for name, value in scores(weights).items() if isinstance(name, str)}
