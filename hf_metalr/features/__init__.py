"""Features of every layer from one forward pass: torch only, for any model."""

from hf_metalr.features.collect import LAST_HIDDEN_STATE, pooled_features
from hf_metalr.features.modules import layer_modules

__all__ = ["LAST_HIDDEN_STATE", "layer_modules", "pooled_features"]
