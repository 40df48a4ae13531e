"""One rate for all layers that follows the loss: GeN, Mechanic and GreedyLR.

Packages: gen-optim, mechanic-pytorch; GreedyLR is part of Transformers. The packages are imported where they are used.
"""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import MultiplicativeLR
from transformers import BatchEncoding, GreedyLR, Trainer, TrainerCallback

from benchmarks.accuracy.task import Task, make_trainer


def gen(task: Task) -> Trainer:
    """GeN-AdamW (Bu & Xu, ICLR 2025): the rate is the minimum of a parabola through three losses on the next batch.

    Started at the cell's rate (the authors': 1e-4). As they advise: measured at every ``every`` = 4th step, and with a
    factor that falls linearly to 0 over the run (``horizon``).
    """
    settings = task.settings(every=4, horizon=True)
    optimizer = AdamW(task.network.parameters(), lr=task.cell.rate, weight_decay=0.0, fused=True)
    callback = _Parabola(task.network, task.cell.steps, settings["every"], settings["horizon"])
    # A schedule that multiplies by 1 leaves the rates where GeN puts them; a constant one would put them back.
    schedule = MultiplicativeLR(optimizer, lambda step: 1.0)
    trainer = make_trainer(task, {}, optimizers=(optimizer, schedule), callbacks=[callback])
    callback.batches = _batches(trainer)
    trainer.train()
    return trainer


class _Parabola(TrainerCallback):
    def __init__(self, network: nn.Module, steps: int, every: int, horizon: bool) -> None:
        self._network, self._steps, self._every, self._horizon = network, steps, every, horizon
        self.batches: Iterator[BatchEncoding] = iter(())

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        from GeN import lr_parabola

        step = state.global_step
        if (step + 1) % self._every == 0:
            scale = 1 - step / self._steps if self._horizon else 1.0
            optimizer = kwargs["optimizer"].optimizer
            lr_parabola(self._network, optimizer, tr_iter=self.batches, device="cpu", task="NLU", scale=scale)


def _batches(trainer: Trainer) -> Iterator[BatchEncoding]:
    """Yield training batches without end, in the type that the package asks of networks that return their loss."""
    epochs = (trainer.get_train_dataloader() for _ in repeat(None))
    return (BatchEncoding(dict(batch)) for batch in chain.from_iterable(epochs))


def mechanic(task: Task) -> Trainer:
    """Mechanic around AdamW (Cutkosky et al., arXiv 2306.00144): it learns the scale of a schedule's rate.

    At lr 1, with the package's defaults. Settings: ``schedule``; the authors' experiments decay linearly.
    """
    from mechanic_pytorch import mechanize

    changes = {"lr_scheduler_type": task.settings(schedule="linear")["schedule"], "learning_rate": 1.0}
    optimizer = mechanize(AdamW)(task.network.parameters(), lr=1.0, weight_decay=0.0)
    trainer = make_trainer(task, changes, optimizers=(optimizer, None))
    trainer.train()
    return trainer


def greedy_lr(task: Task) -> Trainer:
    """GreedyLR (Subramanian et al., arXiv 2512.14527), fed with the training loss of every step, smoothed.

    Starts at the cell's rate, which never falls below a twentieth (the authors': 1e-5 from 2e-4). Settings: ``factor``
    and ``patience``; the authors use 0.99 and 10 outside of Trainer, 0.9 and 2 in their example of fine-tuning.
    """
    settings = task.settings(factor=0.9, patience=2)
    rate = task.cell.rate
    assert rate is not None
    optimizer = AdamW(task.network.parameters(), lr=rate, weight_decay=0.0, fused=True)
    schedule = GreedyLR(optimizer, min_lr=rate / 20, smooth=True, window_size=50, **settings)
    trainer = make_trainer(task, {}, _Greedy, optimizers=(optimizer, schedule))
    trainer.train()
    return trainer


class _Greedy(Trainer):
    """Steps GreedyLR by the training loss; the stock Trainer does so after evaluations, by theirs."""

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        loss = super().training_step(*args, **kwargs)
        self.lr_scheduler.step(loss.item())
        return loss
