"""A ranking in words and tables."""

from typing import TYPE_CHECKING

from hf_metalr.ranking.scoring import H_SCORE, LABELS, LEEP, LINEAR_PROBE, LOG_EVIDENCE, NEAREST_NEIGHBOR
from hf_metalr.tables import console_table, csv_table, markdown_table

if TYPE_CHECKING:
    from hf_metalr.plotting.ranking import Dot
    from hf_metalr.ranking.result import RankedBackbone, Ranking

ACCURACIES = (NEAREST_NEIGHBOR, LINEAR_PROBE)
WITHOUT_UNITS = (LOG_EVIDENCE, H_SCORE, LEEP)


def console(ranking: "Ranking") -> str:
    """Return the table, the chance level, the notes and the two picks."""
    return f"{console_table(*_table(ranking))}\n\n" + "\n".join(_remarks(ranking))


def markdown(ranking: "Ranking") -> str:
    """Return the same as Markdown."""
    header, rows = _table(ranking)
    cells = [[f"`{row[0]}`", *row[1:]] for row in rows]
    return f"{markdown_table(header, cells)}\n\n" + "\n".join(f"- {remark}" for remark in _remarks(ranking)) + "\n"


def card_section(ranking: "Ranking") -> str:
    """Return a section of a model card."""
    return (
        "## Choice of backbone\n\n"
        f"Ranked by the frozen features of each backbone on {ranking.samples} samples, before any fine-tuning, with "
        "`hf_metalr.ranking`.\n\n" + markdown(ranking)
    )


def csv(ranking: "Ranking") -> str:
    """Return a line per backbone, layer and score."""
    header = ["model", "layer", "score", "value", "low", "high", "tie_group", "channels", "parameters", "prior"]
    rows = []
    for model in ranking.models:
        ends = [model.channels, model.parameters, model.prior]
        for layer, values in model.layers.items():
            for name in ranking.score_names:
                score = model.scores.get(name) if layer == list(model.layers)[-1] else None
                if score is not None:
                    found = [score.value, score.low, score.high, score.tie_group, *ends]
                elif name in values:
                    found = [values[name], None, None, None, None, *ends[1:]]
                else:
                    continue
                rows.append([model.name, layer, name, *("" if value is None else repr(value) for value in found)])
    return csv_table(header, rows)


def dots(ranking: "Ranking", score: str) -> "list[Dot]":
    """Return what the picture shows, the best backbone first."""
    from hf_metalr.plotting.ranking import Dot

    found = [(model, model.scores[score]) for model in ranking.models if score in model.scores]
    shown = [(model, s) for model, s in found if s.value is not None and s.low is not None and s.high is not None]
    shown.sort(key=lambda pair: -(pair[1].value or 0.0))
    return [
        Dot(
            model.name,
            s.value or 0.0,
            s.low or 0.0,
            s.high or 0.0,
            s.tie_group,
            _size_and_prior(model),
            model.is_random,
        )
        for model, s in shown
    ]


def _table(ranking: "Ranking") -> tuple[list[str], list[list[str]]]:
    first = ranking.score_names[0]
    has_prior = any(model.prior is not None for model in ranking.models)
    header = ["model", "rank", *(LABELS[name] for name in ranking.score_names)]
    header += ["best layer", "mean of layers", "parameters", *(["prior"] if has_prior else [])]
    places = _places(ranking)
    rows = []
    for model in ranking.models:
        cells = [model.name, places[model.name]]
        cells += [_score_cell(model, name, with_interval=name == first) for name in ranking.score_names]
        best, mean = model.best_layer(first), model.mean_over_layers(first)
        cells += [f"{_written(best[1], first)} {best[0]}" if best else "", _written(mean, first)]
        cells += [_millions(model.parameters)]
        rows.append(cells + ([_prior(model)] if has_prior else []))
    return header, rows


def _places(ranking: "Ranking") -> dict[str, str]:
    """The places that a tie group takes up together: "1-3", "1-3", "1-3", "4"."""
    first = ranking.score_names[0]
    groups = [model.scores[first].tie_group for model in ranking.models]
    places = {}
    for model, group in zip(ranking.models, groups, strict=True):
        top = groups.index(group) + 1
        last = top + groups.count(group) - 1
        places[model.name] = str(top) if top == last else f"{top}-{last}"
    return places


def _remarks(ranking: "Ranking") -> list[str]:
    first = ranking.score_names[0]
    levels = ", ".join(f"{LABELS[name]} {_written(ranking.chance[name], name)}" for name in ranking.chance)
    picks = ranking.picks()
    chosen = (
        f"{picks['score']}, the choice by {LABELS[first]} and by what is known beforehand."
        if picks["score"] == picks["prior"]
        else f"{picks['score']} (by {LABELS[first]}) and {picks['prior']} (by what is known beforehand): fine-tune "
        "both, no score is reliable on all data."
    )
    interval = f"{ranking.confidence:.0%}"
    of_classes = f", {ranking.classes} classes" if ranking.classes else ""
    return [
        f"{ranking.samples} samples{of_classes}. Ordered by {LABELS[first]} of the last hidden state, with {interval} "
        "bootstrap interval; models that share a rank are tied.",
        f"Without any signal: {levels}.",
        *ranking.notes,
        f"To try: {chosen}",
    ]


def _score_cell(model: "RankedBackbone", name: str, with_interval: bool) -> str:
    score = model.scores.get(name)
    if score is None or score.value is None:
        return "-"
    if not with_interval or score.low is None:
        return _written(score.value, name)
    return f"{_written(score.value, name)} [{_written(score.low, name)}, {_written(score.high, name)}]"


def _written(value: float | None, name: str) -> str:
    if value is None:
        return "-"
    return f"{value:.1%}" if name in ACCURACIES else f"{value:.3f}"


def _millions(parameters: int) -> str:
    return f"{parameters / 1e6:.1f} M" if parameters >= 1e5 else f"{parameters:,}"


def _prior(model: "RankedBackbone") -> str:
    return "-" if model.prior is None else f"{model.prior:.3g}"


def _size_and_prior(model: "RankedBackbone") -> str:
    return _millions(model.parameters) + ("" if model.prior is None else f", prior {_prior(model)}")
