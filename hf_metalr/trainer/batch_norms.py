"""Running statistics of batch norms: one set for all processes in evaluation, and a momentum that forgets them.

Transformers and DDP leave two things unsaid about them.

1. In a run with several processes each one updates the statistics from its own share of a batch. DDP gives all of them
   those of the first at the next training forward, but nothing does before an evaluation: its processes measure models
   that differ, and none of these is the one that is saved. `BatchNormStatistics` hands the first process's statistics
   to all before each evaluation; these are what is saved, so the best model gives back its recorded metric.
2. PyTorch's ``momentum`` is the share of the newest batch. Some conversions from TensorFlow carry that of the old value
   (0.997), and evaluate with the statistics of the last batch alone.
"""

import logging
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import broadcast
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.modules.batchnorm import _NormBase
from transformers import Trainer

logger = logging.getLogger(__name__)

# PyTorch's default, and above what a new batch has at least as much weight as all before it.
USUAL_MOMENTUM, LARGEST_MOMENTUM = 0.1, 0.5
FORGETS = "evaluates with the statistics of the last batch alone"

# At type-checking time the mixin is a Trainer; at run time the parent is whatever trainer it is mixed into.
if TYPE_CHECKING:
    _Base = Trainer
else:
    _Base = object


class BatchNormStatistics(_Base):
    """Mixes both into a trainer. Training is left as it is: no weight, and no statistic of the first process, moves."""

    _momenta_told = False

    def create_scheduler(self, *args: Any, **kwargs: Any) -> Any:
        """Create the scheduler as the parent does; arguments as of the parent."""
        if self.model is not None and not self._momenta_told and self.is_world_process_zero():
            self._momenta_told = True
            warn_of_forgetful(self.model)
        return super().create_scheduler(*args, **kwargs)

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluate or predict as the parent does, on all processes with the statistics of the first."""
        if self.args.world_size > 1 and self.model is not None and not getattr(self.model, "_tp_size", None):
            share_buffers(self.model, self.args.device)
        return super().evaluation_loop(*args, **kwargs)


def share_buffers(model: nn.Module, device: torch.device) -> None:
    """Give all processes the first one's buffers of floating point, of those that are saved with the model.

    Not only batch norms have such buffers: whatever is counted in training and saved differs in the same way.

    Args:
        model: alike in all processes, every one of which must call this.
        device: where tensors are when they are sent.
    """
    shared = _saved_buffers(model)
    with torch.no_grad():
        for dtype in dict.fromkeys(buffer.dtype for buffer in shared):
            alike = [buffer for buffer in shared if buffer.dtype == dtype]
            # joined: one message in place of two per layer
            joined = broadcast(torch.cat([buffer.flatten() for buffer in alike]).to(device))
            for buffer, part in zip(alike, joined.split([buffer.numel() for buffer in alike]), strict=True):
                buffer.copy_(part.view_as(buffer))


def _saved_buffers(model: nn.Module) -> list[Tensor]:
    # Asked of the modules, since a state dict would gather the parameters that FSDP shards.
    buffers = {
        id(buffer): buffer
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None and name not in module._non_persistent_buffers_set
    }
    return [b for b in buffers.values() if b.is_floating_point() and not isinstance(b, DTensor)]


def forgetful(model: nn.Module) -> dict[str, float]:
    """Return the momentum of every norm whose running statistics are mostly those of the last batch, by its name.

    >>> forgetful(nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3, momentum=0.997)))
    {'1': 0.997}
    """
    return {
        name: module.momentum
        for name, module in model.named_modules()
        if isinstance(module, _NormBase)
        and module.track_running_stats
        and module.momentum is not None
        and module.momentum > LARGEST_MOMENTUM
    }


def warn_of_forgetful(model: nn.Module) -> None:
    """Tell which norms forget all but the last batch, and how to set them; the model stays as it is."""
    found = forgetful(model)
    if not found:
        return
    names, values = list(found), sorted(set(found.values()))
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    logger.warning(
        f"A BatchNorm momentum of {', '.join(f'{value:g}' for value in values)} {FORGETS} ({shown}): it is the share "
        f"of the newest batch, {USUAL_MOMENTUM} as a rule. Set it before training: for module in model.modules(): if "
        f"isinstance(module, torch.nn.BatchNorm2d): module.momentum = {USUAL_MOMENTUM}"
    )
