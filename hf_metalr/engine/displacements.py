"""The displacement Δ = θ̂ − θ of the last optimizer step, in one copy of the trainable parameters."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from hf_metalr.engine.amp import gradient_scale
from hf_metalr.engine.rates import effective_lrs, learned_groups
from hf_metalr.engine.shards import any_sharded, local, shard_count
from hf_metalr.equations import accumulator, inner_product


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
        self._gradient_squares: list[Tensor] = []
        self.lrs: dict[str, float] = {}
        self.recorded = False

    @property
    def parameters(self) -> dict[str, list[Tensor]]:
        """Parameters of every layer group that the optimizer holds."""
        parameters: dict[str, list[Tensor]] = {}
        for name, _, group in learned_groups(self._optimizer):
            parameters.setdefault(name, []).extend(group["params"])
        return parameters

    @property
    def sharded(self) -> bool:
        """Whether parameters are sharded over processes, so that sums over them need those of the other processes."""
        return any(any_sharded(group) for group in self.parameters.values())

    @torch.no_grad()
    def remember_parameters(self) -> None:
        """Copy θ, and note the rates of the step that is about to be taken."""
        for name, group in self._local_parameters().items():
            if name not in self._buffers:
                self._buffers[name] = [torch.empty_like(parameter) for parameter in group]
            torch._foreach_copy_(self._buffers[name], group)
        self.lrs = effective_lrs(self._optimizer)

    def remember_gradients(self) -> None:
        """Note the squared norms of the gradients that the optimizer is about to use."""
        scale = gradient_scale(self._optimizer)
        self._gradient_squares = [
            sum_of_squares([(p, local(p.grad)) for p in group if p.grad is not None], group[0]) / scale**2
            for group in self.parameters.values()
        ]

    @torch.no_grad()
    def record(self) -> None:
        """Turn the remembered θ into Δ = θ̂ − θ."""
        for name, group in self._local_parameters().items():
            torch._foreach_sub_(self._buffers[name], group)
            torch._foreach_neg_(self._buffers[name])
        self.recorded = True

    def inner_products(self, scale: float) -> Tensor:
        """Return ``⟨.grad/scale, Δ⟩`` for every layer group, in order: float64 of shape (groups,)."""
        return torch.stack([self._inner_product(*item) for item in self.parameters.items()]) / scale

    def squares(self) -> list[Tensor]:
        """Return ``‖g‖²`` and ``‖Δ‖²`` for every layer group, each of shape (groups,)."""
        displacement_squares = [
            sum_of_squares(list(zip(group, self._buffers[name], strict=True)), group[0])
            for name, group in self.parameters.items()
        ]
        return [torch.stack(self._gradient_squares), torch.stack(displacement_squares)]

    def _inner_product(self, name: str, group: list[Tensor]) -> Tensor:
        gradients = [None if p.grad is None else local(p.grad) for p in group]
        if not any_sharded(group):
            return inner_product(gradients, self._buffers[name])
        # Summed over processes by an average, so each part counts as often as there are parts.
        parts = [
            inner_product([gradient], [delta]) * shard_count(p)
            for p, gradient, delta in zip(group, gradients, self._buffers[name], strict=True)
        ]
        return torch.stack(parts).sum()

    def _local_parameters(self) -> dict[str, list[Tensor]]:
        return {name: [local(parameter) for parameter in group] for name, group in self.parameters.items()}

    @torch.no_grad()
    def rescale(self, factors: Mapping[str, float]) -> None:
        """Put the parameters at θ + factor · Δ, for each layer group whose factor is not exactly 1."""
        for name, group in self._local_parameters().items():
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
        """Return the displacement that still waits for its measurement: rates, and tensors by parameter name.

        Nothing where parameters are sharded: one process holds a part only, and a resumed run leaves one meta step out.
        """
        if not self.recorded or self.sharded:
            return {"lrs": {}, "tensors": {}}
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        tensors = {
            names[id(parameter)]: buffer
            for group, parameters in self.parameters.items()
            for parameter, buffer in zip(parameters, self._buffers[group], strict=True)
        }
        return {"lrs": dict(self.lrs), "tensors": tensors}

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
        self.lrs = dict(state["lrs"])
        for group, parameters in self.parameters.items():
            tensors = [state["tensors"][names[id(parameter)]] for parameter in parameters]
            self._buffers[group] = [t.to(p, copy=True) for t, p in zip(tensors, parameters, strict=True)]


def sum_of_squares(tensors: list[tuple[Tensor, Tensor]], like: Tensor) -> Tensor:
    """Return the sum of squares over pairs of (parameter, local values), as a scalar on the device of ``like``."""
    device, dtype = like.device, accumulator(like.device)
    if not tensors:
        return torch.zeros((), device=device, dtype=dtype)
    norms = torch._foreach_norm([value.to_dense() if value.is_sparse else value for _, value in tensors])
    counts = torch.tensor([shard_count(parameter) for parameter, _ in tensors], device=device, dtype=dtype)
    return (torch.stack([norm.to(device, dtype) for norm in norms]) ** 2 * counts).sum()
