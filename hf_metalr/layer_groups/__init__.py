"""Layer groups: which parameters share one learning rate, for any model, from parameter names alone."""

from hf_metalr.layer_groups.grouping import LayerGroup, make_layer_groups

__all__ = ["LayerGroup", "make_layer_groups"]
