"""Pictures: plain data in, a matplotlib `Figure` out. Nothing is shown or saved here."""

from hf_metalr.plotting.heatmap import plot_learning_rates_heatmap
from hf_metalr.plotting.hypergradients import has_hypergradients, plot_hypergradients
from hf_metalr.plotting.learning_rates import plot_learning_rates
from hf_metalr.plotting.ranking import Dot, plot_ranking
from hf_metalr.plotting.transferability import plot_transferability

__all__ = [
    "Dot",
    "has_hypergradients",
    "plot_hypergradients",
    "plot_learning_rates",
    "plot_learning_rates_heatmap",
    "plot_ranking",
    "plot_transferability",
]
