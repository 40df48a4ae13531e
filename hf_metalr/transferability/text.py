"""A profile in words and cells."""

import math
from collections.abc import Callable

from hf_metalr.transferability.profile import LayerTransferability, LossChange, TransferabilityProfile
from hf_metalr.transferability.verdicts import FREEZE, HIGH_RATE, LOW_RATE, RE_INITIALISE, TIE

Table = tuple[list[str], list[list[str]]]
_NOT_GIVEN = "not given"

# Columns in their order: heading, and the cell of a layer, None where it was not measured.
_COLUMNS: list[tuple[str, Callable[[LayerTransferability], str | None]]] = [
    ("layer", lambda layer: layer.name),
    ("T", lambda layer: _ratio(layer.transferability)),
    ("interval", lambda layer: f"{_ratio(layer.low)} to {_ratio(layer.high)}"),
    ("drift", lambda layer: f"{layer.relative_drift:.3g}"),
    ("angle", lambda layer: "" if math.isnan(layer.angle) else f"{layer.angle:.2f}°"),
    ("grad/weight", lambda layer: None if layer.gradient_ratio is None else f"{layer.gradient_ratio:.2e}"),
    ("CKA", lambda layer: None if layer.feature_similarity is None else f"{layer.feature_similarity:.3f}"),
    ("loss if undone", lambda layer: _change(layer.reset_to_pretrained)),
    ("loss if random", lambda layer: _change(layer.reset_to_random)),
]


def table(profile: TransferabilityProfile) -> Table:
    """Return heading and rows, input to output; columns that nothing was measured for are left out."""
    cells = [(heading, [cell(layer) for layer in profile.layers]) for heading, cell in _COLUMNS]
    verdicts = profile.verdicts()
    cells.append(("verdict", [verdicts[layer.name] for layer in profile.layers]))
    kept = [(heading, column) for heading, column in cells if any(cell is not None for cell in column)]
    rows = [[cell or "" for cell in row] for row in zip(*(column for _, column in kept), strict=True)]
    return [heading for heading, _ in kept], rows


def full_table(profile: TransferabilityProfile) -> Table:
    """Return every number of every layer with full precision, and the recipe beside each T."""
    from dataclasses import asdict

    verdicts = profile.verdicts()
    rows = []
    for layer in profile.layers:
        row = {}
        for name, value in asdict(layer).items():
            if name.startswith("reset_"):
                for part in ("change", "low", "high"):
                    row[name if part == "change" else f"{name}_{part}"] = None if value is None else value[part]
            else:
                row[name] = value
        row["verdict"] = verdicts[layer.name]
        row |= {name: getattr(profile, name) for name in ("samples", "steps", "learning_rate", "recipe")}
        rows.append(row)
    return list(rows[0]), [["" if cell is None else str(cell) for cell in row.values()] for row in rows]


def summary(profile: TransferabilityProfile) -> str:
    """Return what the figures say, one statement per line."""
    return "\n".join(
        line for line in (_network(profile), _extremes(profile), *_verdicts(profile), _recipe(profile)) if line
    )


def _network(profile: TransferabilityProfile) -> str:
    heads = [f"{layer.name} {_ratio(layer.transferability)}" for layer in profile.layers if layer.is_head]
    counted = "with the head" if profile.protocol.include_head else "without the head"
    beside = f"; {', '.join(heads)}" if heads else ""
    moved = sum(layer.distance_from_pretrained > 0 for layer in profile.body)
    return (
        f"Transferability T = {_ratio(profile.transferability)} (mean over {moved} layers that moved, "
        f"{counted}{beside}). Random end: {profile.random}."
    )


def _extremes(profile: TransferabilityProfile) -> str:
    moved = [layer for layer in profile.body if math.isfinite(layer.transferability)]
    if len(moved) < 2:
        return ""
    least, most = (choose(moved, key=lambda layer: layer.transferability) for choose in (min, max))
    overlap = " (their intervals overlap: a tie)" if least.high >= most.low else ""
    return (
        f"Of the layers that moved, T is largest in {most.name} ({_ratio(most.transferability)}) and smallest in "
        f"{least.name} ({_ratio(least.transferability)}){overlap}."
    )


def _verdicts(profile: TransferabilityProfile) -> list[str]:
    found = profile.verdicts()
    lines = []
    for word in (FREEZE, LOW_RATE, HIGH_RATE, RE_INITIALISE, TIE):
        names = [name for name, verdict in found.items() if verdict == word]
        if names:
            lines.append(f"{word[0].upper()}{word[1:]}: {', '.join(names)}.")
    if TIE in found.values():
        lines.append("Differences inside an interval are ties: they say nothing either way.")
    return lines


def _recipe(profile: TransferabilityProfile) -> str:
    rate = _NOT_GIVEN if profile.learning_rate is None else f"{profile.learning_rate:.3g}"
    samples, steps, recipe = (
        _NOT_GIVEN if value is None else value for value in (profile.samples, profile.steps, profile.recipe)
    )
    return (
        f"Fine-tuned with N = {samples} samples, {steps} steps, learning rate {rate}, recipe: {recipe}. T falls with "
        "steps × rate: compare layers, or models under one recipe."
    )


def _ratio(value: float) -> str:
    """Write a T; a layer that did not move has none."""
    if math.isinf(value):
        return "unmoved"
    return "undefined" if math.isnan(value) else f"{value:.2f}"


def _change(change: LossChange | None) -> str | None:
    return None if change is None else f"{change.change:+.3f} [{change.low:+.3f}, {change.high:+.3f}]"
