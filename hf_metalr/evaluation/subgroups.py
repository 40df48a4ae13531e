"""Every metric for each value of a column, such as sex or hospital: where a mean hides a failure."""

import logging
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from hf_metalr.data.near import near_misses
from hf_metalr.data.tables.columns import is_image, values_of
from hf_metalr.data.tables.parts import is_missing
from hf_metalr.errors import InputError
from hf_metalr.evaluation.answers import Answers
from hf_metalr.evaluation.resampling import Resamples, intervals
from hf_metalr.evaluation.rows import Chosen

logger = logging.getLogger(__name__)
MOST_VALUES = 12  # numbers with more different ones are divided at their quartiles
MISSING = "(missing)"


def require_columns(chosen: Chosen, columns: Sequence[str]) -> None:
    """Refuse columns that there are not, before any model answers.

    Raises:
        InputError: with the columns that there are.
    """
    features = chosen.data.table.dataset.features
    for column in columns:
        if column not in features or is_image(features[column]):
            there = [name for name, feature in features.items() if not is_image(feature)]
            raise InputError("by", f"'{column}' does not exist. The columns {near_misses(column, there)}.")


def subgroups(
    answers: Answers, chosen: Chosen, columns: Sequence[str], number: int, confidence: float, seed: int
) -> list[dict[str, Any]]:
    """Return, for each value of each column, how many rows and groups it has, and the metrics with intervals.

    Args:
        answers: to all rows.
        chosen: the rows.
        columns: of the table.
        number: of resamples.
        confidence: of the intervals.
        seed: of the draws.
    """
    found, groups = [], chosen.groups
    for column in columns:
        stored = values_of(chosen.data.table.dataset, column)
        values = _words([stored[row] for row in chosen.rows], column)
        for value in sorted(set(values)):
            rows = np.flatnonzero([one == value for one in values])
            part = answers.part(rows)
            own = None if groups is None else [groups[row] for row in rows]
            scores = part.scores()
            draws = Resamples(len(rows), own, number, seed)
            metrics = intervals(
                lambda w, scores=scores: {k: v for k, v in scores(w).items() if isinstance(k, str)},  # type: ignore[misc]
                draws,
                confidence,
            )
            count = {} if own is None else {"groups": len(set(own))}
            found.append({"column": column, "value": value, "rows": len(rows), **count, "metrics": metrics})
    return found


def _words(values: list[Any], column: str) -> list[str]:
    known = [value for value in values if not is_missing(value)]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)
    if not numbers or len(set(known)) <= MOST_VALUES:
        if len(set(map(str, known))) > 4 * MOST_VALUES:
            raise InputError("by", f"'{column}' has {len(set(known))} different values, too many for groups of rows.")
        return [MISSING if is_missing(value) else str(value) for value in values]
    edges = np.quantile(known, (0.25, 0.5, 0.75))
    names = [f"up to {edges[0]:g}", *(f"{a:g} to {b:g}" for a, b in pairwise(edges))]
    names.append(f"above {edges[2]:g}")
    logger.info("'%s' holds many numbers, which are divided at their quartiles: %s", column, "; ".join(names))
    names = [f"{place}. {name}" for place, name in enumerate(names, start=1)]  # sorted as numbers are
    return [MISSING if is_missing(v) else names[int(np.searchsorted(edges, v, side="left"))] for v in values]
