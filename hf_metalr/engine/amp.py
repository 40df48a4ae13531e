"""Float16 gradient scaling, as `torch.amp.GradScaler` shows it to fused optimizers.

A fused optimizer is handed scaled gradients and unscales them in its own kernel, and is called even when it will skip
the step; the scaler tells it through two attributes while the step lasts. Other optimizers see neither: their gradients
are unscaled before, and a skipped step does not reach them.
"""

from torch.optim import Optimizer


def step_is_skipped(optimizer: Optimizer) -> bool:
    """Whether the step now running will move nothing, because gradients overflowed."""
    found_inf = getattr(optimizer, "found_inf", None)
    return found_inf is not None and bool(found_inf.item() > 0)


def gradient_scale(optimizer: Optimizer) -> float:
    """The factor by which the gradients in ``.grad`` are too large during the step now running."""
    scale = getattr(optimizer, "grad_scale", None)
    return 1.0 if scale is None else float(scale.item())
