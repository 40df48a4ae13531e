"""The model card of an output folder, from what lies in it."""

from pathlib import Path

import yaml
from huggingface_hub import ModelCard

from hf_metalr.errors import InputError
from hf_metalr.hub.card import card_facts
from hf_metalr.hub.figure import FIGURE_NAME
from hf_metalr.hub.learned_rates import LearnedRates
from hf_metalr.model_card import CardFacts

CARD_NAME = "README.md"


def rebuilt_facts(
    folder: Path,
    rates: LearnedRates,
    *,
    model_name: str | None = None,
    license: str | None = None,  # noqa: A002  # the name that Transformers and the Hub use
    repo_id: str | None = None,
) -> CardFacts:
    """Return the facts for the card of an output folder.

    A card that is there keeps its title, licence, languages and tags; the rest of its text is not read.

    Args:
        folder: of the model; a figure in it becomes part of the card.
        rates: what the run learned.
        model_name: what the model is called; by default as the old card or the folder is.
        license: licence id of the Hub; by default the old card's.
        repo_id: where the Hub has the model.

    Raises:
        InputError: there is an old card whose metadata cannot be read.
    """
    old = _old_card(folder / CARD_NAME)
    data = {} if old is None else old.data.to_dict()
    titles = [] if old is None else [line[2:].strip() for line in old.text.splitlines() if line.startswith("# ")]
    return card_facts(
        rates,
        model_name or next(iter(titles), folder.resolve().name),
        repo_id,
        FIGURE_NAME if (folder / FIGURE_NAME).is_file() else None,
        license=license or data.get("license"),
        language=data.get("language"),
        tags=data.get("tags") or (),
    )


def _old_card(path: Path) -> ModelCard | None:
    if not path.is_file():
        return None
    try:
        return ModelCard.load(path)
    except (ValueError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())[:200]
        raise InputError(None, f"{path} has metadata that cannot be read ({words}). Mend or remove it.") from error
