"""The result of a ranking: numbers, intervals and tie groups, and the forms they are printed, drawn and kept in."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_metalr.errors import InputError
from hf_metalr.ranking import schema, text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Score:
    """One score of one backbone's final representation.

    value: on all samples; None where it is undefined. low, high: the bootstrap interval. tie_group: 1 for the leaders,
    2 for those whose difference to the leaders is clear, and so on; backbones of one group are tied.
    """

    value: float | None
    low: float | None
    high: float | None
    tie_group: int


@dataclass(frozen=True)
class RankedBackbone:
    """What is known of one backbone.

    Attributes:
        name: the Hub id, folder or name that was given.
        parameters: the number of parameters without the head.
        channels: the number of channels of the final representation.
        prior: ImageNet-1k accuracy from 0 to 1, or the number given in `priors`; None where neither is known.
        is_random: whether this is the randomly initialised twin of another backbone.
        scores: name of the score to the score of the final representation.
        layers: layer from input to output to the value of each score, the final representation as
            `last_hidden_state` at the end.
    """

    name: str
    parameters: int
    channels: int
    prior: float | None
    is_random: bool
    scores: Mapping[str, Score]
    layers: Mapping[str, Mapping[str, float | None]]

    def best_layer(self, score: str) -> tuple[str, float] | None:
        """Return the layer with the highest value, and the value. Chosen after looking, so it flatters."""
        values = {layer: scores[score] for layer, scores in self.layers.items() if score in scores}
        known = {layer: value for layer, value in values.items() if value is not None}
        return max(known.items(), key=lambda item: item[1]) if known else None

    def mean_over_layers(self, score: str) -> float | None:
        """Return the mean over all layers, the final representation included."""
        known = [scores[score] for scores in self.layers.values() if scores.get(score) is not None]
        return sum(value for value in known if value is not None) / len(known) if known else None


@dataclass(frozen=True)
class Ranking:
    """Backbones ordered by how well their frozen features suit a data set; the best first.

    The order is that of the first score, on the final representation. Members of a tie group cannot be told apart on
    these samples; their order means nothing.

    Attributes:
        models: the backbones, ordered.
        score_names: the scores, the ordering one first.
        chance: what each score gives without any signal: the share of the most frequent class for accuracies, the
            evidence of features that are all alike for LogME; H-score and LEEP have no such level.
        samples: number of samples scored.
        classes: number of classes; None for regression and multi-label targets.
        confidence: of the intervals and tie groups.
        settings: what else the numbers depend on, such as `{"k": 5, "seed": 0}`.
        notes: warnings for the reader, one sentence each.
    """

    models: tuple[RankedBackbone, ...]
    score_names: tuple[str, ...]
    chance: Mapping[str, float]
    samples: int
    classes: int | None
    confidence: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return text.console(self)

    def picks(self) -> dict[str, str]:
        """Return the two backbones worth fine-tuning: one by the features' score, one by what is known beforehand.

        `"score"` is the first of the table. `"prior"` is the highest prior (ImageNet accuracy), or where no prior is
        known the most parameters; random twins are passed over. No score is reliable on all data, so trying both
        beats trusting either (Renggli et al., CVPR 2022). They may be the same backbone.
        """
        trained = [model for model in self.models if not model.is_random] or list(self.models)
        with_prior = [model for model in trained if model.prior is not None]
        by_prior = max(with_prior, key=lambda model: model.prior or 0.0, default=None)
        return {
            "score": trained[0].name,
            "prior": (by_prior or max(trained, key=lambda model: model.parameters)).name,
        }

    def to_markdown(self) -> str:
        """Return the table, the notes and the two picks as Markdown."""
        return text.markdown(self)

    def to_csv(self) -> str:
        """Return one line per backbone, layer and score, with intervals for the final representation."""
        return text.csv(self)

    def card_section(self) -> str:
        """Return a Markdown section for a model card: why this backbone."""
        return text.card_section(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as written by `save`."""
        return schema.to_dict(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the ranking as JSON; the file appears whole or not at all."""
        schema.save(self, Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Ranking":
        """Read a file that `save` wrote.

        Raises:
            InputError: the file is no ranking, of a later version, or its values are of wrong types or ranges.
        """
        return schema.load(Path(path))

    def plot(self, score: str | None = None) -> "Figure":
        """Draw one score with intervals, tie groups, the chance level and the prior.

        Args:
            score: which; None for the one that orders the table.

        Raises:
            ImportError: matplotlib is not installed.
            InputError: an unknown score.
        """
        from hf_metalr.plotting.ranking import plot_ranking

        name = self.score_names[0] if score is None else score
        if name not in self.score_names:
            raise InputError("score", f"must be one of {list(self.score_names)}, found {name!r}.")
        as_percent = name in text.ACCURACIES
        return plot_ranking(
            text.dots(self, name),
            text.LABELS[name],
            self.chance.get(name),
            self.confidence,
            as_percent=as_percent,
            remarks="parameters",
        )
