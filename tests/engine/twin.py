"""The slow, obvious twin of the engine: the paper's three equations, rates as leaf tensors, autograd through them."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call

from hf_metalr.layer_groups import LayerGroup

Loss = Callable[[Callable[..., Tensor]], Tensor]


def group_of(layer_groups: tuple[LayerGroup, ...]) -> dict[str, str]:
    """Parameter name -> name of its layer group."""
    return {name: group.name for group in layer_groups for name in group.parameter_names}


class PaperTwin:
    """MetaLR with plain SGD, as written in the paper: look ahead, move the rates, really step."""

    def __init__(self, model: nn.Module, layer_groups: tuple[LayerGroup, ...], lr: float, hyper_lr: float) -> None:
        self.model, self.owner, self.hyper_lr = model, group_of(layer_groups), hyper_lr
        self.lrs = {group.name: torch.tensor(lr, dtype=torch.float64) for group in layer_groups}
        self.hypergradients: dict[str, float] = {}

    def step(self, train_loss: Loss, meta_loss: Loss) -> None:
        parameters = dict(self.model.named_parameters())
        gradients = dict(
            zip(parameters, torch.autograd.grad(train_loss(self.model), list(parameters.values())), strict=True)
        )
        lrs = {name: lr.clone().requires_grad_() for name, lr in self.lrs.items()}
        lookahead = {name: p.detach() - lrs[self.owner[name]] * gradients[name] for name, p in parameters.items()}
        loss = meta_loss(lambda *inputs: functional_call(self.model, lookahead, inputs))
        hypergradients = dict(zip(lrs, torch.autograd.grad(loss, list(lrs.values())), strict=True))
        self.hypergradients = {name: value.item() for name, value in hypergradients.items()}
        for name, lr in self.lrs.items():
            lr *= 1 - self.hyper_lr * hypergradients[name]
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter -= self.lrs[self.owner[name]] * gradients[name]
