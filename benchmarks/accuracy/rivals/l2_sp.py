"""L2-SP: fine-tuning that is pulled back to where it started (Li et al. 2018, arXiv 1802.01483)."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer

from benchmarks.accuracy.task import Task, make_trainer
from hf_metalr.layer_groups import make_layer_groups


def l2_sp(task: Task) -> Trainer:
    """Add ``α/2 ‖w − w₀‖²`` over the backbone and ``β/2 ‖w‖²`` over the head to the loss.

    Settings: ``alpha``, ``beta``; the paper chooses α on held-out data from 0.001 to 0.1 and keeps β = 0.01.
    """
    settings = task.settings(alpha=0.1, beta=0.01)
    trainer = make_trainer(task, {}, _L2SPTrainer)
    trainer.set_start(task.network, settings["alpha"], settings["beta"])
    trainer.train()
    return trainer


class _L2SPTrainer(Trainer):
    def set_start(self, network: nn.Module, alpha: float, beta: float) -> None:
        heads = {name for group in make_layer_groups(network) if group.is_head for name in group.parameter_names}
        self._terms = [
            (parameter, torch.zeros_like(parameter), beta)
            if name in heads
            else (parameter, parameter.detach().clone(), alpha)
            for name, parameter in network.named_parameters()
        ]

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        loss = super().compute_loss(model, inputs, *args, **kwargs)
        if not model.training:  # evaluation reports the loss of the task
            return loss
        penalty = sum((weight / 2) * (now - start).square().sum() for now, start, weight in self._terms)
        assert isinstance(penalty, Tensor)
        return loss + penalty
