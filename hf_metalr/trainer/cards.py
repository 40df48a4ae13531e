"""The model card of a trainer, and the figure on it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard
from transformers.utils import logging

from hf_metalr.engine.history import HISTORY_NAME, iterate_history
from hf_metalr.hub import LEARNED_RATES_NAME, LearnedRates
from hf_metalr.hub.card import FIGURE_NAME, card_facts
from hf_metalr.model_card import TAGS, build_model_card, learned_rates_section

logger = logging.get_logger(__name__)

# More points than this per line cannot be told apart at the size of a card's picture.
MOST_POINTS = 2000

Texts = str | Sequence[str] | None


def write_card(
    folder: Path,
    rates: LearnedRates,
    repo_id: str | None,
    *,
    adapter_tags: Sequence[str] = (),
    language: Texts = None,
    license: str | None = None,  # noqa: A002  # as Trainer calls it
    tags: Texts = None,
    model_name: str | None = None,
    finetuned_from: str | None = None,
    tasks: Texts = None,
    dataset_tags: Texts = None,
    dataset: Texts = None,
    dataset_args: Texts = None,
) -> None:
    """Write README.md, the figure and `metalr.json` with what the caller adds.

    Args:
        folder: where they go, and where the history is.
        rates: what the run learned.
        repo_id: where the Hub will have the model.
        adapter_tags: tags that tell PEFT's models apart.
        language: language code(s) of the data.
        license: licence id of the Hub.
        tags: further tags.
        model_name: what the model is called; by default the folder's name.
        finetuned_from: Hub id of the pre-trained model.
        tasks: task id of the Hub; of several the first.
        dataset_tags: Hub id of the data; of several the first.
        dataset: what the data are called; of several the first. Without it, metrics are not machine-readable.
        dataset_args: configuration of the data.
    """
    rates = replace(
        rates,
        base_model=finetuned_from or rates.base_model,
        task=_first(tasks) or rates.task,
        dataset=_first(dataset_tags) or rates.dataset,
        dataset_name=_first(dataset) or _first(dataset_tags) or rates.dataset_name,
    )
    rates.save(folder / LEARNED_RATES_NAME)
    facts = card_facts(
        rates,
        model_name or folder.resolve().name,
        repo_id,
        draw_figure(folder, rates),
        license=license,
        language=list(_all(language)) or None,
        tags=["generated_from_trainer", *_all(tags), *adapter_tags],
    )
    if _all(dataset_args):
        facts = replace(facts, dataset_text=f"{facts.dataset_text} Data: {', '.join(_all(dataset_args))}.")
    build_model_card(facts).save(folder / "README.md")


def extend_card(folder: Path, rates: LearnedRates, repo_id: str | None) -> None:
    """Add the learned rates and our tags to the README.md that a trainer of another library has written."""
    card = ModelCard.load(folder / "README.md")
    facts = card_facts(rates, folder.resolve().name, repo_id, draw_figure(folder, rates))
    card.data.tags = list(dict.fromkeys([*(card.data.tags or []), *TAGS]))
    card.text = f"{card.text.rstrip()}\n\n{learned_rates_section(facts)}\n"
    card.save(folder / "README.md")


def draw_figure(folder: Path, rates: LearnedRates) -> str | None:
    """Draw the history of a folder as a PNG beside it; return its name, None where it cannot be drawn."""
    history = folder / HISTORY_NAME
    count = sum(1 for _ in iterate_history(history)) if history.is_file() else 0
    if count == 0:
        return None
    from hf_metalr.plotting import plot_learning_rates

    rows = list(islice(iterate_history(history), 0, None, -(-count // MOST_POINTS)))
    try:
        figure = plot_learning_rates(rows, [group.name for group in rates.layer_groups if group.is_head])
    except (ImportError, ValueError) as error:
        logger.warning(f"The model card has no figure: {error}")
        return None
    figure.savefig(folder / FIGURE_NAME, dpi=150)
    return FIGURE_NAME


def adapter_tags_of(model: Any, base_model: str | None) -> list[str]:
    """Return the tags by which the Hub knows an adapter; none for other models."""
    configs = getattr(model, "peft_config", None)
    if not isinstance(configs, dict):
        return []
    kinds = sorted({str(config.peft_type.value).lower() for config in configs.values()})
    return kinds + ([f"base_model:adapter:{base_model}"] if base_model else [])


def _first(texts: Texts) -> str | None:
    return next(iter(_all(texts)), None)


def _all(texts: Texts) -> list[str]:
    return [texts] if isinstance(texts, str) else [text for text in texts or [] if text]
