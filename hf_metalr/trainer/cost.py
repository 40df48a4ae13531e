"""What learning the rates costs: the time of MetaLR's own work, of the time that a run trained.

Own work is all that the engine does around ``optimizer.step()``: copying and measuring parameters, the look-ahead with
its meta batch, moving the rates, the row of the history. Not in it: setting up before the first step, and checkpoints.

On a CPU the clock tells it. On CUDA the host runs ahead of the device, and the clock would take queued training kernels
for own work; there events on the stream tell it, from the end of the backward pass to the beginning of the optimizer's
step. They are read once they have passed, so that no step waits for them. Not in them: what the host could have queued
while it waited for a measurement. On other devices nothing is measured.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.optim import Optimizer


class Cost:
    """Adds up the seconds of a run, those before a resume included.

    Args:
        device: where the run trains.

    >>> cost = Cost(torch.device("cpu"))
    >>> cost.resume({"train_seconds": 60.0, "metalr_seconds": 2.0})
    >>> cost.earlier_seconds, cost.metalr_seconds
    (60.0, 2.0)
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.begin()

    def begin(self) -> None:
        """Start at 0; a run begins."""
        self._begun = time.perf_counter()
        self.earlier_seconds = 0.0  # of training, before the resume
        self._own_seconds: float | None = 0.0 if self._device.type in ("cpu", "cuda") else None
        self._started: Any = None  # a time, or an event
        self._passing: deque[tuple[torch.cuda.Event, torch.cuda.Event]] = deque()

    def resume(self, state: Mapping[str, float | None] | None) -> None:
        """Go on from what `state_dict` returned; of a checkpoint that lacks it, from 0."""
        if state is not None:
            self.earlier_seconds, self._own_seconds = state["train_seconds"] or 0.0, state["metalr_seconds"]

    def state_dict(self) -> dict[str, float | None]:
        """Return what a resumed run adds to."""
        seconds = self.earlier_seconds + time.perf_counter() - self._begun
        return {"train_seconds": seconds, "metalr_seconds": self.metalr_seconds}

    @property
    def metalr_seconds(self) -> float | None:
        """Seconds of own work; None where they are not measured. On CUDA it waits for the device."""
        if self._passing:
            self._passing[-1][1].synchronize()
            self._read_events()
        return self._own_seconds

    @contextmanager
    def of_hooks_on(self, optimizer: Optimizer) -> Iterator[None]:
        """Time the hooks that are registered inside the ``with`` statement, whenever they run."""
        # Hooks run in the order in which they were registered.
        optimizer.register_step_pre_hook(self._start)
        optimizer.register_step_post_hook(self._start)
        yield
        optimizer.register_step_pre_hook(self._stop)
        optimizer.register_step_post_hook(self._stop)

    def _start(self, *_: Any) -> None:
        self._started = self._now()

    def _stop(self, *_: Any) -> None:
        if self._own_seconds is None:
            return
        if self._device.type == "cpu":
            self._own_seconds += self._now() - self._started
        else:
            self._passing.append((self._started, self._now()))
            self._read_events()

    def _now(self) -> Any:
        if self._device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _read_events(self) -> None:
        assert self._own_seconds is not None
        while self._passing and self._passing[0][1].query():
            start, stop = self._passing.popleft()
            self._own_seconds += start.elapsed_time(stop) / 1000  # of milliseconds
