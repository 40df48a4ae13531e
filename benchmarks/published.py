"""The procedure of the released MetaLR code, stated anew for comparison: three passes, two of them with a kept graph.

What it does at every training step was read in the public repository Schuture/MetaLR (``train_meta_step``). The code
here is our own, and its look-ahead descends, as in the paper; the released one ascends, at the same cost.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.func import functional_call
from torch.optim import AdamW

from benchmarks.workloads import LEARNING_RATE, Batch
from hf_metalr.layer_groups import make_layer_groups

HYPER_LR, MIN_LR, MAX_LR = 0.1, 1e-6, 1e-2


class PublishedProcedure:
    """Learns one rate per layer group by differentiating through a plain SGD look-ahead.

    Args:
        model: the model in training; its forward returns an output with a ``loss``.
        new_model: builds the same architecture anew, as the released code does at every step.
    """

    def __init__(self, model: nn.Module, new_model: Callable[[], nn.Module]) -> None:
        self.model, self.new_model = model, new_model
        parameters = dict(model.named_parameters())
        layer_groups = make_layer_groups(model, "block")
        self.group_of = {name: j for j, group in enumerate(layer_groups) for name in group.parameter_names}
        members = [[parameters[name] for name in group.parameter_names] for group in layer_groups]
        self.optimizer = AdamW([{"params": group} for group in members], LEARNING_RATE, weight_decay=0.0, fused=True)

    def step(self, batch: Batch, meta_batch: Batch) -> None:
        """Move the rates, then the parameters: one training step."""
        for group, lr in zip(self.optimizer.param_groups, self._moved_rates(batch, meta_batch), strict=True):
            group["lr"] = lr
        self.model(**batch).loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _moved_rates(self, batch: Batch, meta_batch: Batch) -> list[float]:
        copy = self.new_model()
        copy.load_state_dict(self.model.state_dict())
        parameters = dict(copy.named_parameters())
        gradients = torch.autograd.grad(copy(**batch).loss, tuple(parameters.values()), create_graph=True)

        lrs = torch.tensor([group["lr"] for group in self.optimizer.param_groups], requires_grad=True)
        lookahead = {
            name: parameter.detach() - lrs[self.group_of[name]] * gradient
            for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True)
        }
        meta_loss = functional_call(copy, lookahead, kwargs=meta_batch).loss
        (hypergradient,) = torch.autograd.grad(meta_loss, lrs, create_graph=True)
        return (lrs * (1 - HYPER_LR * hypergradient)).clamp(MIN_LR, MAX_LR).tolist()
