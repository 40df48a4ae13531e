"""Everything that a user says of an evaluation."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from hf_metalr.data.config import DataConfig
from hf_metalr.inference.config import ModelConfig
from hf_metalr.options import option, positive_int

_DATA, _MEASURE, _OUTPUT = "which rows", "what is measured", "output"


def share(text: str) -> float:
    """Read a number strictly between 0 and 1, for argparse.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"must lie strictly between 0 and 1, found '{text}'")
    return number


@dataclass(frozen=True)
class EvaluationConfig:
    """One evaluation. The words of its options explain the fields."""

    data: DataConfig
    model: ModelConfig
    out: Path | None = option("folder for evaluation.json, the figures and the page", metavar="FOLDER", group=_OUTPUT)
    split_column: str | None = option(
        "column that says train, validation or test", default=None, metavar="NAME", group=_DATA
    )
    validation: tuple[str, ...] | None = option(
        "data to choose thresholds and temperature on (default: the validation split of the data, if there is one)",
        default=None,
        metavar="SOURCE",
        several=True,
        group=_DATA,
    )
    by: tuple[str, ...] = option(
        "columns, such as sex hospital: every metric for each of their values, too",
        default=(),
        metavar="NAME",
        several=True,
        group=_MEASURE,
    )
    against: str | None = option(
        "another model, on the same rows: paired differences with intervals, and McNemar's test",
        default=None,
        metavar="MODEL",
        group=_MEASURE,
    )
    positive: str | None = option(
        "of two classes the one to be found (default: the second)", default=None, metavar="CLASS", group=_MEASURE
    )
    sensitivity: tuple[float, ...] = option(
        "choose a threshold on validation for each of these (default: 0.95)",
        default=(0.95,),
        type=share,
        metavar="SHARE",
        several=True,
        group=_MEASURE,
    )
    specificity: tuple[float, ...] = option(
        "the same by specificity (default: 0.95)",
        default=(0.95,),
        type=share,
        metavar="SHARE",
        several=True,
        group=_MEASURE,
    )
    calibrated: bool = option(
        "divide the logits by the temperature in the model's configuration", default=False, group=_MEASURE
    )
    save_temperature: bool = option(
        "write the temperature that validation asks for into the model's config.json, for --calibrated",
        default=False,
        group=_MEASURE,
    )
    bootstraps: int = option("resamples of the intervals", default=1000, type=positive_int, metavar="N", group=_MEASURE)
    confidence: float = option("of the intervals", default=0.95, type=share, metavar="SHARE", group=_MEASURE)
    worst: int = option(
        "how many of the worst errors are shown", default=16, type=positive_int, metavar="N", group=_OUTPUT
    )
    format: str = option("of the figures", default="png", choices=("png", "svg"), group=_OUTPUT)
    overwrite: bool = option("write over an earlier evaluation in the folder", default=False, group=_OUTPUT)
