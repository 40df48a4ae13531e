"""The options of a ranking, declared once: the parameters of `rank_backbones` that a command line can give."""

import argparse
from dataclasses import asdict, dataclass
from typing import Any

from hf_metalr.options import option, positive_int

_SCORES, _WORK = "scores", "work"


def prior(text: str) -> tuple[str, float]:
    """Read `MODEL=ACCURACY`, for argparse.

    >>> prior("google/vit-base-patch16-224=0.81")
    ('google/vit-base-patch16-224', 0.81)

    Raises:
        argparse.ArgumentTypeError: it is something else, or the accuracy does not lie from 0 to 1.
    """
    model, _, accuracy = text.rpartition("=")
    try:
        value = float(accuracy)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be MODEL=ACCURACY, found '{text}'") from error
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be an accuracy from 0 to 1, 0.718 for 71.8 %, found '{text}'")
    return model, value


@dataclass(frozen=True)
class RankingConfig:
    """How backbones are ranked; the fields are those of `hf_metalr.rank_backbones`, which explains them."""

    random_twins: bool = option("also rank a random re-initialisation of every model", default=False)
    priors: dict[str, float] = option(
        "what is known of a model beforehand, such as its ImageNet accuracy from 0 to 1",
        default={},
        type=prior,
        several=True,
        metavar="MODEL=ACCURACY",
    )
    scores: tuple[str, ...] | None = option(
        "which scores, such as nearest_neighbor_accuracy linear_probe_accuracy; the first orders the table (default: "
        "all that fit)",
        default=None,
        several=True,
        metavar="NAME",
        group=_SCORES,
    )
    k: int = option("neighbours of k-NN", default=5, type=positive_int, metavar="N", group=_SCORES)
    folds: int = option("folds of the linear probe", default=5, type=positive_int, metavar="N", group=_SCORES)
    bootstraps: int = option("resamples of the intervals", default=1000, type=positive_int, metavar="N", group=_SCORES)
    confidence: float = option("of the intervals", default=0.95, type=float, metavar="SHARE", group=_SCORES)
    batch_size: int = option("samples per forward pass", default=32, type=positive_int, metavar="N", group=_WORK)
    dtype: str | None = option(
        "of the forward passes (default: the model's)",
        default=None,
        choices=("float32", "bfloat16", "float16"),
        group=_WORK,
    )
    cache_dir: str | None = option(
        "keep features here, so that a second run is quick", default=None, metavar="FOLDER", group=_WORK
    )
    trust_remote_code: bool = option("allow code of a Hub model to run", default=False, group=_WORK)

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of `rank_backbones`."""
        return asdict(self) | {"priors": self.priors or None}
