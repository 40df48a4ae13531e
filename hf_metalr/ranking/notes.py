"""What a reader of a ranking must know: one sentence each."""

from collections.abc import Mapping, Sequence

from hf_metalr.ranking.result import RankedBackbone
from hf_metalr.ranking.scoring import LABELS

# Below two samples per channel the evidence and the covariance rest on the prior and the shrinkage.
SAMPLES_PER_CHANNEL = 2


def make_notes(
    models: Sequence[RankedBackbone],
    names: Sequence[str],
    chance: Mapping[str, float],
    samples: int,
    copies: int,
    confidence: float,
) -> tuple[str, ...]:
    """Return the warnings that apply."""
    first = names[0]
    wide = [f"{model.name} ({model.channels})" for model in models if samples < SAMPLES_PER_CHANNEL * model.channels]
    lost = [
        model.name
        for model in models
        if first in chance
        and (low := model.scores[first].low) is not None
        and low <= chance[first]
        and not model.is_random
    ]
    undefined = [
        f"{LABELS[name]} of {model.name}"
        for model in models
        for name, score in model.scores.items()
        if score.value is None
    ]
    trained = [model for model in models if not model.is_random]
    notes = [_left_out(copies)] if copies else []
    if wide:
        notes.append(
            f"Fewer samples ({samples}) than twice the channels of {', '.join(wide)}: LogME, H-score and probe "
            "are uncertain there, and comparisons between widths more than the intervals say."
        )
    if lost:
        notes.append(f"Not above chance at {confidence:.0%}: {', '.join(lost)}.")
    if len(trained) > 1 and len({model.scores[first].tie_group for model in trained}) == 1:
        notes.append("All models are tied: choose by size, speed, licence or prior.")
    notes += _tied_with_twins(models, first)
    if undefined:
        notes.append(
            f"Undefined, because the features explain the labels exactly: {', '.join(undefined)}. Use more samples."
        )
    return tuple(notes)


def _left_out(copies: int) -> str:
    words = (
        "1 row is left out: an earlier one holds" if copies == 1 else f"{copies} rows are left out: earlier ones hold"
    )
    return f"{words} the same input."


def _tied_with_twins(models: Sequence[RankedBackbone], first: str) -> list[str]:
    twins = {model.name.removesuffix(" (random)"): model for model in models if model.is_random}
    tied = [
        model.name
        for model in models
        if (twin := twins.get(model.name)) is not None
        and not model.is_random
        and model.scores[first].tie_group >= twin.scores[first].tie_group
    ]
    return [f"Not ahead of their random twins by {LABELS[first]}: {', '.join(tied)}."] if tied else []
