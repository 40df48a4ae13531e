"""The displacement Δ = θ̂ − θ of the last optimizer step, or steps, for one copy of the trainable parameters."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from hf_metalr.engine.amp import gradient_scale
from hf_metalr.engine.passes import Entry, Passes, anchor_like
from hf_metalr.engine.rates import effective_lrs, learned_groups
from hf_metalr.engine.shards import local, shard_count


class Displacements:
    """Remembers θ before an optimizer step, and measures the displacement afterwards.

    Δ is never stored: it is formed from the remembered θ and the present parameters, in one pass over memory
    (`hf_metalr.engine.passes`). Parameters are read from the optimizer each time, since wrappers (FSDP2) replace them.

    Args:
        optimizer: an optimizer whose param groups carry their layer group.
        follows: whether `measure` is going to move what is remembered by a share of the way; it is then float32 for
            float16 and bfloat16 parameters, in which small steps would be lost.

    Attributes:
        lrs: effective rates of the step whose displacement is pending.
        pending: whether there is a displacement that was not yet measured.
    """

    def __init__(self, optimizer: Optimizer, follows: bool = False) -> None:
        self._optimizer, self._follows = optimizer, follows
        self._passes = Passes()
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
            if name not in self._before:
                self._before[name] = [anchor_like(local(parameter), self._follows) for parameter in group]
        copied = [entry._replace(now=entry.before, before=entry.now) for entry in self._entries()]
        self._passes.move(copied, [0.0] * len(self._before))
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
        sums = self._passes.sums(self._entries(gradients=True), len(self._before), follow)
        self.pending = False
        if follow > 0:
            self._note_step()
        if scale != 1:
            sums[0].div_(scale)
            sums[1].div_(scale**2)
        return sums

    @torch.no_grad()
    def gradient_squares(self) -> Tensor:
        """Return ``‖g‖²`` of the gradients that the optimizer is about to use; shape (groups,)."""
        groups = list(self.parameters.values())
        entries = [
            Entry(index, shard_count(parameter), gradient, gradient)
            for index, group in enumerate(groups)
            for parameter in group
            if (gradient := _gradient(parameter)) is not None
        ]
        squares = self._passes.squares(entries, len(groups))
        return squares.to(local(groups[0][0]).device) / gradient_scale(self._optimizer) ** 2

    @torch.no_grad()
    def rescale(self, factors: Mapping[str, float]) -> None:
        """Put the parameters at ``θ + factor · Δ``, for each layer group whose factor is not exactly 1."""
        self._passes.move(self._entries(), [factors.get(name, 1.0) for name in self._before])

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
            self._before[group] = [
                anchor_like(local(parameter), self._follows).copy_(tensor)
                for tensor, parameter in zip(tensors, parameters, strict=True)
            ]

    def _entries(self, gradients: bool = False) -> list[Entry]:
        return [
            # Summed over processes by an average, so each shard counts as often as there are shards.
            Entry(index, shard_count(parameter), local(parameter), before, _gradient(parameter) if gradients else None)
            for index, (name, group) in enumerate(self.parameters.items())
            for parameter, before in zip(group, self._before[name], strict=True)
        ]

    def _note_step(self) -> None:
        self.lrs = effective_lrs(self._optimizer)
        self.pending = True


def _gradient(parameter: Tensor) -> Tensor | None:
    """Return this process's part of a gradient, dense."""
    if parameter.grad is None:
        return None
    gradient = local(parameter.grad)
    return gradient if gradient.layout == torch.strided else gradient.to_dense()
