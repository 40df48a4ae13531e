"""A small float64 problem for the engine's tests: a network of three layer groups and a stream of batches."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from hf_metalr.engine import MetaLRConfig
from hf_metalr.layer_groups import LayerGroup

LAYER_GROUPS = (
    LayerGroup("stem", ("0.weight", "0.bias")),
    LayerGroup("block", ("2.weight", "2.bias")),
    LayerGroup("head", ("4.weight", "4.bias"), is_head=True),
)


# The paper's method, whose rates nothing but min_lr and max_lr bounds.
PAPER: dict[str, Any] = {"estimator": "lookahead", "lr_update": "proportional", "trust_region": False}
# Adam on ln α with a constant β, and a displacement of one step: what closed forms are written for.
PLAIN_ADAM: dict[str, Any] = {
    "lr_update": "log_adam",
    "hyper_lr": 0.03,
    "hyper_lr_decay": math.inf,
    "horizon": 1,
    "trust_region": False,
}


def plain_config(lr_update: str = "log_adam", **settings: Any) -> MetaLRConfig:
    """Return the named rule with nothing on top of it, and the look-ahead unless the settings say otherwise."""
    return MetaLRConfig(**(PAPER | (PLAIN_ADAM if lr_update == "log_adam" else {}) | settings))


def make_model(seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 6), nn.Tanh(), nn.Linear(6, 3)).to(dtype)


def make_batch(seed: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(16, 5, generator=generator, dtype=dtype)
    return inputs, (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0.5).long()


def loss_on(batch: tuple[Tensor, Tensor]) -> Callable[[Callable[..., Tensor]], Tensor]:
    inputs, labels = batch
    return lambda model: nn.functional.cross_entropy(model(inputs), labels)


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    optimizer.zero_grad()
    loss_on(make_batch(step))(model).backward()
    optimizer.step()


OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda params: torch.optim.SGD(params, lr=0.05, weight_decay=0.01),
    "momentum": lambda params: torch.optim.SGD(params, lr=0.05, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda params: torch.optim.SGD(params, lr=0.05, momentum=0.9, nesterov=True),
    "adamw": lambda params: torch.optim.AdamW(params, lr=0.01, weight_decay=0.1),
    "adam": lambda params: torch.optim.Adam(params, lr=0.01, weight_decay=0.1),
    "rmsprop": lambda params: torch.optim.RMSprop(params, lr=0.01, momentum=0.5),
}
