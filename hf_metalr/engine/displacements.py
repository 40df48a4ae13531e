"""The displacement Δ = θ̂ − θ of the last optimizer step, or steps, for one copy of the trainable parameters."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from hf_metalr.engine.amp import gradient_scale
from hf_metalr.engine.rates import effective_lrs, learned_groups
from hf_metalr.engine.shards import local, shard_count
from hf_metalr.equations import accumulator, inner_product

# On a CPU a meta step is bound by memory bandwidth: pieces of 1 MiB (float32) stay in cache for all that is done to
# them.
_PIECE = 2**18


class Displacements:
    """Remembers θ before an optimizer step, and measures the displacement afterwards.

    Δ is never stored: it is formed piece by piece from the remembered θ and the present parameters. Parameters are read
    from the optimizer each time, since wrappers (FSDP2) replace them.

    Args:
        optimizer: an optimizer whose param groups carry their layer group.

    Attributes:
        lrs: effective rates of the step whose displacement is pending.
        pending: whether there is a displacement that was not yet measured.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._before: dict[str, list[Tensor]] = {}
        self.lrs: dict[str, float] = {}
        self.pending = False

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
        return any(shard_count(parameter) > 1 for group in self.parameters.values() for parameter in group)

    @torch.no_grad()
    def remember(self) -> None:
        """Copy θ, and note the rates of the step that is about to be taken."""
        for name, group in self.parameters.items():
            now = [local(parameter) for parameter in group]
            if name not in self._before:
                self._before[name] = [torch.empty_like(parameter) for parameter in now]
            torch._foreach_copy_(self._before[name], now)
        self._note_step()

    @torch.no_grad()
    def measure(self, scale: float = 1.0, follow: float = 0.0) -> Tensor:
        """Return ``⟨g, Δ⟩``, ``‖g‖²`` and ``‖Δ‖²`` for every layer group, with ``g = .grad / scale``.

        Args:
            scale: what the gradients are too large by.
            follow: move what is remembered by this share of the way to the present parameters in the same pass, for the
                step that is about to be taken. 1 remembers that step alone; 1/K reaches back over about K steps. 0
                leaves nothing pending.

        Returns:
            Shape (3, groups), float64 where the device has it; this process's share where parameters are sharded.
        """
        sums: list[Tensor] = []
        for name, group in self.parameters.items():
            total = torch.zeros(3, dtype=accumulator(group[0].device), device=group[0].device)
            for parameter, before in zip(group, self._before[name], strict=True):
                # Summed over processes by an average, so each shard counts as often as there are shards.
                total += _measure(parameter, before, follow).to(total.device) * shard_count(parameter)
            sums.append(total.to(sums[0].device) if sums else total)
        measured = torch.stack(sums, dim=1)
        self.pending = False
        if follow > 0:
            self._note_step()
        return measured / torch.tensor([[scale], [scale**2], [1.0]], dtype=measured.dtype, device=measured.device)

    @torch.no_grad()
    def gradient_squares(self) -> Tensor:
        """Return ``‖g‖²`` of the gradients that the optimizer is about to use; shape (groups,)."""
        squares: list[Tensor] = []
        for group in self.parameters.values():
            total = torch.zeros((), dtype=accumulator(group[0].device), device=group[0].device)
            for parameter in group:
                if parameter.grad is not None:
                    gradient = local(parameter.grad)
                    total += inner_product(gradient, gradient).to(total.device) * shard_count(parameter)
            squares.append(total.to(squares[0].device) if squares else total)
        return torch.stack(squares) / gradient_scale(self._optimizer) ** 2

    @torch.no_grad()
    def rescale(self, factors: Mapping[str, float]) -> None:
        """Put the parameters at ``θ + factor · Δ``, for each layer group whose factor is not exactly 1."""
        for name, group in self.parameters.items():
            if factors.get(name, 1.0) != 1.0:
                now = [local(parameter) for parameter in group]
                torch._foreach_lerp_(now, self._before[name], 1 - factors[name])

    def clear(self) -> None:
        """Free the copy."""
        self._before.clear()
        self.pending = False

    def state_dict(self, model: nn.Module) -> dict[str, Any]:
        """Return the displacement that still waits for its measurement: rates, and θ before the step by parameter name.

        Nothing where parameters are sharded: one process holds a part only, and a resumed run leaves one meta step out.
        """
        if not self.pending or self.sharded:
            return {"lrs": {}, "tensors": {}}
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        tensors = {
            names[id(parameter)]: before
            for group, parameters in self.parameters.items()
            for parameter, before in zip(parameters, self._before[group], strict=True)
        }
        return {"lrs": dict(self.lrs), "tensors": tensors}

    def shapes(self, model: nn.Module) -> dict[str, tuple[int, ...]]:
        """Return the shape of every remembered tensor by parameter name."""
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        return {names[id(p)]: tuple(p.shape) for parameters in self.parameters.values() for p in parameters}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any], model: nn.Module) -> None:
        """Restore what `state_dict` returned."""
        self.pending = bool(state["tensors"])
        if not self.pending:
            return
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        self.lrs = dict(state["lrs"])
        for group, parameters in self.parameters.items():
            tensors = [state["tensors"][names[id(parameter)]] for parameter in parameters]
            self._before[group] = [t.to(p, copy=True) for t, p in zip(tensors, parameters, strict=True)]

    def _note_step(self) -> None:
        self.lrs = effective_lrs(self._optimizer)
        self.pending = True


def _measure(parameter: Tensor, before: Tensor, follow: float) -> Tensor:
    """Return ``⟨g, Δ⟩``, ``‖g‖²``, ``‖Δ‖²`` of one tensor, unscaled; shape (3,)."""
    parts = []
    for now, old, gradient in _pieces(parameter, before):
        displacement = now - old
        zero = torch.zeros((), dtype=displacement.dtype, device=displacement.device)
        parts.append(zero if gradient is None else inner_product(gradient, displacement))
        parts.append(zero if gradient is None else inner_product(gradient, gradient))
        parts.append(inner_product(displacement, displacement))
        if follow == 1:
            old.copy_(now)
        elif follow > 0:
            old.lerp_(now, follow)
    wide = accumulator(parameter.device)
    return torch.stack([part.to(wide) for part in parts]).view(-1, 3).sum(0)


def _pieces(parameter: Tensor, before: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """Yield (present values, values before, gradient), cut into pieces of cache size on a CPU."""
    now = local(parameter)
    gradient = None if parameter.grad is None else local(parameter.grad)
    if gradient is not None and gradient.is_sparse:
        gradient = gradient.to_dense()
    plain = all(tensor is None or tensor.is_contiguous() for tensor in (now, before, gradient))
    if now.device.type != "cpu" or now.numel() <= _PIECE or not plain:
        yield now, before, gradient
        return
    for start in range(0, now.numel(), _PIECE):
        end = start + _PIECE
        part = None if gradient is None else gradient.view(-1)[start:end]
        yield now.view(-1)[start:end], before.view(-1)[start:end], part
