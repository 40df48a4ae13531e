"""`TransferabilityProfile`: what was measured, layer by layer, and the forms it is printed, stored and drawn in."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from hf_metalr.equations import network_transferability, typical_transferability
from hf_metalr.tables import console_table, csv_table, markdown_table
from hf_metalr.transferability.protocol import PUBLISHED, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class LossChange:
    """The change of the mean validation loss, with its bootstrap interval over the samples; above 0: it got worse."""

    change: float
    low: float
    high: float


@dataclass(frozen=True)
class LayerTransferability:
    """What was measured of one layer group. Columns that need data are None without.

    Attributes:
        name: the layer group.
        is_head: whether it is a head, which the network's mean leaves out.
        tensors: how many tensors counted.
        transferability: T, the mean over the random draws; infinite where the layer did not move at all, NaN where it
            also equals the random end.
        low, high: bootstrap interval of T over the output units of its tensors (filters, neurons) and the random draws.
            Layers whose intervals overlap are ties. Another fine-tune scatters somewhat more (`intervals.py`).
        draw_spread: standard deviation of T over the random draws; 0 with a given end or the expectation.
        distance_from_random, distance_from_pretrained: mean absolute differences D, averaged over tensors and draws.
        relative_drift: ``‖θ_FB − θ_A‖ / ‖θ_A‖`` over all numbers that counted.
        angle: between θ_A and θ_FB, in degrees.
        gradient_ratio: ``‖∇L‖ / ‖θ‖`` before training (Auto-RGN), over all parameters of the layer.
        feature_similarity: linear CKA (debiased) of the layer's pooled output before and after fine-tuning.
        reset_to_pretrained: what undoing the layer's fine-tuning does to the validation loss.
        reset_to_random: what putting random values into the layer does to it.
    """

    name: str
    is_head: bool
    tensors: int
    transferability: float
    low: float
    high: float
    draw_spread: float
    distance_from_random: float
    distance_from_pretrained: float
    relative_drift: float
    angle: float
    gradient_ratio: float | None = None
    feature_similarity: float | None = None
    reset_to_pretrained: LossChange | None = None
    reset_to_random: LossChange | None = None


@dataclass(frozen=True)
class TransferabilityProfile:
    """The transferability of pre-trained parameters, layer by layer: a diagnosis of a finished fine-tune.

    T falls with steps × rate, so compare layers of one profile, or models under one recipe.

    Attributes:
        layers: input to output, the head last.
        fine_tuned, pretrained, random: what the three ends were, in words.
        protocol: what counted and how it was averaged.
        families: with the expectation, the family of initialisation of each tensor.
        left_out: layer groups without a T, and why, such as ``{"norm": "no weights that count"}``.
        samples, steps, learning_rate, recipe: of the fine-tune, as told by the user; None where not given.
        validation_loss, validation_samples: of the fine-tuned model on the data given; None without.
    """

    layers: tuple[LayerTransferability, ...]
    fine_tuned: str
    pretrained: str
    random: str
    protocol: Protocol = PUBLISHED
    families: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    samples: int | None = None
    steps: int | None = None
    learning_rate: float | None = None
    recipe: str | None = None
    validation_loss: float | None = None
    validation_samples: int | None = None

    @property
    def body(self) -> tuple[LayerTransferability, ...]:
        """The layers that are no heads."""
        return tuple(layer for layer in self.layers if not layer.is_head)

    @property
    def transferability(self) -> float:
        """T of the network: the mean over its layers that moved, the head left out unless the protocol says else."""
        counted = self.layers if self.protocol.include_head else self.body
        return network_transferability([layer.transferability for layer in counted])

    @property
    def typical(self) -> float:
        """The geometric mean of T over the body, which a verdict compares a layer with."""
        return typical_transferability([layer.transferability for layer in self.body])

    def verdicts(self) -> dict[str, str]:
        """Return the verdict on every layer; the rule is `hf_metalr.transferability.verdicts.verdict`."""
        from hf_metalr.transferability.verdicts import verdict

        return {layer.name: verdict(layer, self.typical) for layer in self.layers}

    def summary(self) -> str:
        """Return what the figures say, in plain words, with the recipe that T depends on."""
        from hf_metalr.transferability.text import summary

        return summary(self)

    def __str__(self) -> str:
        from hf_metalr.transferability.text import table

        return f"{console_table(*table(self))}\n\n{self.summary()}"

    def to_markdown(self) -> str:
        """Return a Markdown table and the summary."""
        from hf_metalr.transferability.text import table

        return f"{markdown_table(*table(self))}\n\n{self.summary()}\n"

    def to_csv(self) -> str:
        """Return one line per layer with full precision; the recipe's columns repeat."""
        from hf_metalr.transferability.text import full_table

        return csv_table(*full_table(self))

    def to_dict(self) -> dict[str, Any]:
        """Return what `save` writes."""
        from hf_metalr.transferability.storage import to_dict

        return to_dict(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the profile as JSON, in one move."""
        from hf_metalr.transferability.storage import save

        save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a profile that `save` wrote.

        Raises:
            ValueError: the file is no profile, too large, of a later version, or its values are out of range.
        """
        from hf_metalr.transferability.storage import load

        return cls(**load(path))

    def plot(self) -> "Figure":
        """Draw T over the depth of the network, with its interval; see `hf_metalr.plotting.plot_transferability`."""
        from hf_metalr.plotting import plot_transferability

        return plot_transferability(
            [layer.name for layer in self.layers],
            [layer.transferability for layer in self.layers],
            [(layer.low, layer.high) for layer in self.layers],
            [layer.name for layer in self.layers if layer.is_head],
            network=self.transferability,
        )
