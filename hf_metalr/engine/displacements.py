"""The displacement Δ = θ̂ − θ of the last optimizer step, in one copy of the trainable parameters."""

import math
from collections.abc import ItemsView, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from hf_metalr.engine.rates import effective_lrs, learned_groups
from hf_metalr.engine.rules import Measurement


class Displacements:
    """Records how far one optimizer step moved each layer group, and with which rate and gradient.

    The buffers first hold θ, then Δ: one extra copy of the parameters whose rates are learned. Parameters are read from
    the optimizer each time, since wrappers (FSDP2) replace them.

    Args:
        optimizer: an optimizer whose param groups carry their layer group.

    Attributes:
        recorded: whether the buffers hold a displacement that was not yet measured.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._buffers: dict[str, list[Tensor]] = {}
        self._lrs: dict[str, float] = {}
        self._gradient_norms: dict[str, float] = {}
        self.recorded = False

    @property
    def parameters(self) -> dict[str, list[Tensor]]:
        """Parameters of every layer group that the optimizer holds."""
        parameters: dict[str, list[Tensor]] = {}
        for name, _, group in learned_groups(self._optimizer):
            parameters.setdefault(name, []).extend(group["params"])
        return parameters

    def items(self) -> ItemsView[str, list[Tensor]]:
        """(layer group, displacements of its tensors) for every layer group."""
        return self._buffers.items()

    @torch.no_grad()
    def remember_parameters(self) -> None:
        """Copy θ, and note the rates of the step that is about to be taken."""
        for name, group in self.parameters.items():
            if name not in self._buffers:
                self._buffers[name] = [torch.empty_like(parameter) for parameter in group]
            torch._foreach_copy_(self._buffers[name], group)
        self._lrs = effective_lrs(self._optimizer)

    def remember_gradient_norms(self) -> None:
        """Note the norm of the gradient that the optimizer is about to use."""
        self._gradient_norms = {
            name: _norm([p.grad for p in group if p.grad is not None]) for name, group in self.parameters.items()
        }

    @torch.no_grad()
    def record(self) -> None:
        """Turn the remembered θ into Δ = θ̂ − θ."""
        for name, group in self.parameters.items():
            torch._foreach_sub_(self._buffers[name], group)
            torch._foreach_neg_(self._buffers[name])
        self.recorded = True

    def measurements(self, log_hypergradients: list[float]) -> dict[str, Measurement]:
        """Join the log-hypergradients, one per layer group in order, with what is known of the step."""
        return {
            name: Measurement(value, self._lrs[name], self._gradient_norms[name], _norm(self._buffers[name]))
            for name, value in zip(self._buffers, log_hypergradients, strict=True)
        }

    @torch.no_grad()
    def rescale(self, factors: Mapping[str, float]) -> None:
        """Put the parameters at θ + factor · Δ, for each layer group whose factor is not exactly 1."""
        for name, group in self.parameters.items():
            if factors.get(name, 1.0) != 1.0:
                torch._foreach_add_(group, self._buffers[name], alpha=factors[name] - 1)

    def forget(self) -> None:
        """Mark the displacement as measured."""
        self.recorded = False

    def clear(self) -> None:
        """Free the buffers."""
        self._buffers.clear()
        self.recorded = False

    def state_dict(self, model: nn.Module) -> dict[str, Any]:
        """Return the displacement that still waits for its measurement: rates, and tensors by parameter name."""
        if not self.recorded:
            return {"lrs": {}, "tensors": {}}
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        tensors = {
            names[id(parameter)]: buffer
            for group, parameters in self.parameters.items()
            for parameter, buffer in zip(parameters, self._buffers[group], strict=True)
        }
        return {"lrs": dict(self._lrs), "tensors": tensors}

    def shapes(self, model: nn.Module) -> dict[str, tuple[int, ...]]:
        """Return the shape of every recorded tensor by parameter name."""
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        return {names[id(p)]: tuple(p.shape) for parameters in self.parameters.values() for p in parameters}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any], model: nn.Module) -> None:
        """Restore what `state_dict` returned."""
        self.recorded = bool(state["tensors"])
        if not self.recorded:
            return
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        self._lrs = dict(state["lrs"])
        for group, parameters in self.parameters.items():
            tensors = [state["tensors"][names[id(parameter)]] for parameter in parameters]
            self._buffers[group] = [t.to(p, copy=True) for t, p in zip(tensors, parameters, strict=True)]


def _norm(tensors: list[Tensor]) -> float:
    if not tensors:
        return 0.0
    norms = torch._foreach_norm([t.to_dense() if t.is_sparse else t for t in tensors])
    return math.sqrt(sum(norm**2 for norm in torch.stack([n.double() for n in norms]).tolist()))
