"""The equations of the method: pure functions of tensors and floats, without modules, I/O or state."""

from hf_metalr.equations.bootstrap import bootstrap_interval
from hf_metalr.equations.expected_distance import expected_distance_normal, expected_distance_uniform
from hf_metalr.equations.feature_similarity import linear_cka
from hf_metalr.equations.hypergradient import accumulator, hypergradient, inner_product
from hf_metalr.equations.lr_updates import (
    Moments,
    bound_lr,
    decayed_hyper_lr,
    log_adam_update,
    normalised,
    proportional_update,
    smoothed_over_depth,
)
from hf_metalr.equations.parameter_distance import (
    angle,
    by_unit,
    gradient_to_weight_ratio,
    mean_absolute_difference,
    relative_drift,
    unit_distances,
)
from hf_metalr.equations.transferability import (
    network_transferability,
    transferability,
    typical_transferability,
)
from hf_metalr.equations.trust_region import Bounds, head_bounds, relative_bounds, weight_size

__all__ = [
    "Bounds",
    "Moments",
    "accumulator",
    "angle",
    "bootstrap_interval",
    "bound_lr",
    "by_unit",
    "decayed_hyper_lr",
    "expected_distance_normal",
    "expected_distance_uniform",
    "gradient_to_weight_ratio",
    "head_bounds",
    "hypergradient",
    "inner_product",
    "linear_cka",
    "log_adam_update",
    "mean_absolute_difference",
    "network_transferability",
    "normalised",
    "proportional_update",
    "relative_bounds",
    "relative_drift",
    "smoothed_over_depth",
    "transferability",
    "typical_transferability",
    "unit_distances",
    "weight_size",
]
