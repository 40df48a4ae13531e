"""The model card of a trainer, and the figure on it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard

from hf_metalr.hub import LEARNED_RATES_NAME, LearnedRates
from hf_metalr.hub.card import card_facts
from hf_metalr.hub.figure import draw_figure
from hf_metalr.model_card import TAGS, build_model_card, learned_rates_section

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


def adapter_tags_of(model: Any) -> list[str]:
    """Return the tags that tell what kind of adapter a model of PEFT has; none for other models."""
    configs = getattr(model, "peft_config", None)
    if not isinstance(configs, dict):
        return []
    return sorted({str(config.peft_type.value).lower() for config in configs.values()})


def _first(texts: Texts) -> str | None:
    return next(iter(_all(texts)), None)


def _all(texts: Texts) -> list[str]:
    return [texts] if isinstance(texts, str) else [text for text in texts or [] if text]
