"""The model card of an output folder, from what lies in it."""

from dataclasses import replace
from pathlib import Path

import yaml
from huggingface_hub import ModelCard

from hf_metalr.errors import InputError
from hf_metalr.hub.card import card_facts
from hf_metalr.hub.figure import FIGURE_NAME, draw_figure
from hf_metalr.hub.learned_rates import LEARNED_RATES_NAME, LearnedRates
from hf_metalr.model_card import build_model_card

CARD_NAME = "README.md"


def rebuilt_card(
    folder: Path,
    *,
    write: bool,
    model_name: str | None = None,
    license: str | None = None,  # noqa: A002  # the name that Transformers and the Hub use
    repo_id: str | None = None,
    dataset: str | None = None,
    dataset_name: str | None = None,
    base_model: str | None = None,
) -> tuple[ModelCard, LearnedRates]:
    """Return the card of an output folder, built anew, and the learned rates that it tells of.

    A card that is there keeps its title, licence, languages and tags; the rest of its text is not read.

    Args:
        folder: of the model; a figure in it becomes part of the card.
        write: whether card, figure and facts are written into the folder.
        model_name: what the model is called; by default as the old card or the folder is.
        license: licence id of the Hub; by default the old card's.
        repo_id: where the Hub has the model.
        dataset: Hub id of the training data; by default, as of the next two, what the folder knows.
        dataset_name: what they are called.
        base_model: Hub id of the pre-trained model.

    Raises:
        InputError: a folder without learned rates, or an old card whose metadata cannot be read.
    """
    file = folder / LEARNED_RATES_NAME
    if not file.is_file():
        raise InputError(
            "folder",
            f"'{folder}' has no {LEARNED_RATES_NAME}. Give a folder that MetaLRTrainer wrote after training with "
            "learned rates.",
        )
    known = LearnedRates.load(file)
    rates = replace(
        known,
        dataset=dataset or known.dataset,
        dataset_name=dataset_name or known.dataset_name,
        base_model=base_model or known.base_model,
    )
    if write:
        draw_figure(folder, rates)
    old = _old_card(folder / CARD_NAME)
    data = {} if old is None else old.data.to_dict()
    titles = [] if old is None else [line[2:].strip() for line in old.text.splitlines() if line.startswith("# ")]
    card = build_model_card(
        card_facts(
            rates,
            model_name or next(iter(titles), folder.resolve().name),
            repo_id,
            FIGURE_NAME if (folder / FIGURE_NAME).is_file() else None,
            license=license or data.get("license"),
            language=data.get("language"),
            tags=data.get("tags") or (),
        )
    )
    if write:
        rates.save(file)
        card.save(folder / CARD_NAME)
    return card, rates


def _old_card(path: Path) -> ModelCard | None:
    if not path.is_file():
        return None
    try:
        return ModelCard.load(path)
    except (ValueError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())[:200]
        raise InputError(None, f"{path} has metadata that cannot be read ({words}). Mend or remove it.") from error
