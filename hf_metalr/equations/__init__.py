"""The equations of the method: pure functions of tensors and floats, without modules, I/O or state."""

from hf_metalr.equations.hypergradient import accumulator, hypergradient, inner_product
from hf_metalr.equations.lr_updates import Moments, bound_lr, decayed_hyper_lr, log_adam_update, proportional_update

__all__ = [
    "Moments",
    "accumulator",
    "bound_lr",
    "decayed_hyper_lr",
    "hypergradient",
    "inner_product",
    "log_adam_update",
    "proportional_update",
]
