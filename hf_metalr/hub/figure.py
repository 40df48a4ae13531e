"""The picture on a model card."""

from itertools import islice
from pathlib import Path

from transformers.utils import logging

from hf_metalr.engine.history import HISTORY_NAME, iterate_history
from hf_metalr.hub.learned_rates import LearnedRates

logger = logging.get_logger(__name__)

FIGURE_NAME = "learned_rates.png"
# More points than this per line cannot be told apart at the size of a card's picture.
MOST_POINTS = 2000


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
    figure.savefig(folder / FIGURE_NAME, dpi=200)
    return FIGURE_NAME
