"""The Hub: what a run learned as a file (`metalr.json`), as a model card, and where to find someone else's."""

from hf_metalr.hub.learned_rates import LEARNED_RATES_NAME, LayerRate, LearnedRates

__all__ = ["LEARNED_RATES_NAME", "LayerRate", "LearnedRates"]
