"""The number of items in a meta batch, for losses of the user's own that divide by it."""

from typing import Any

import torch
from torch import Tensor
from transformers import Trainer


def item_count(trainer: Trainer, inputs: Any) -> dict[str, Any]:
    """Return ``{"num_items_in_batch": count}`` where a loss of the user's own gets it in training; else nothing.

    The count is that of this process's meta batch, so that the loss is the mean over it; no communication. Losses of
    models are a mean over their items where no count is given. Where the trainer multiplies such a loss by the number
    of processes, the count is multiplied as well.
    """
    own_loss = trainer.compute_loss_func is not None or type(trainer).compute_loss is not Trainer.compute_loss
    given = trainer.model_accepts_loss_kwargs or trainer.compute_loss_func is not None
    labels = inputs.get("labels") if hasattr(inputs, "get") else None
    if not (own_loss and given and isinstance(labels, Tensor)):
        return {}
    count = labels.ne(-100).sum()
    if trainer.args.average_tokens_across_devices:
        count = count * (trainer.accelerator.num_processes if trainer.args.n_gpu <= 1 else trainer.args.n_gpu)
    return {"num_items_in_batch": torch.clamp(count, min=1)}
