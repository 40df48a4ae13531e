"""One training step with bfloat16 autocast and fused AdamW, plain or with learned rates."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.gpu.models import Batch
from hf_metalr.engine import MetaLR, MetaLRConfig

METHODS: Mapping[str, dict[str, Any] | None] = {
    "plain": None,
    "next_batch": {"estimator": "next_batch"},
    "lookahead": {"estimator": "lookahead"},
    "lookahead, every 10": {"estimator": "lookahead", "meta_every": 10},
}


class Steps:
    """A model in training. Call it for a step; methods on the same model take over from one another.

    Args:
        model: what is trained.
        batch: the one batch.
        method: a key of `METHODS`.
        optimizer: with its state, where another method made it; else fused AdamW is made.
    """

    def __init__(
        self, model: nn.Module, batch: Batch, method: str, optimizer: torch.optim.Optimizer | None = None
    ) -> None:
        self.model, self.batch = model, batch
        device = next(model.parameters()).device
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = optimizer or torch.optim.AdamW(trained, lr=1e-5, fused=True)
        self._autocast: Callable[[], Any] = lambda: torch.autocast(device.type, torch.bfloat16)
        settings = METHODS[method]
        self.engine = None
        if settings is not None:
            config = MetaLRConfig(**settings, trust_region=False)
            self.engine = MetaLR(model, self.optimizer, self.loss, config)

    def loss(self) -> Tensor:
        """Return the loss of the batch."""
        with self._autocast():
            return self.model(**self.batch).loss

    def __call__(self) -> None:
        """Take one step."""
        self.loss().backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
