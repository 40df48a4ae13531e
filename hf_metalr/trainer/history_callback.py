"""Keeps `metalr_history.jsonl` in the output directory while a trainer runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from hf_metalr.engine import MetaStep
from hf_metalr.engine.history import HISTORY_NAME, History


class HistoryCallback(TrainerCallback):
    """Opens the history when training begins, at the step where it begins, and writes on the main process only.

    Args:
        folder: tells where the run at hand writes (a hyper-parameter search has one folder per trial).
        origin: tells the folder of the run that it goes on from; None where that is the same or there is none.
    """

    def __init__(self, folder: Callable[[], str], origin: Callable[[], Path | None]) -> None:
        self._folder, self._origin = folder, origin
        self._history: History | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            origin = self._origin()
            source = None if origin is None else origin / HISTORY_NAME
            self._history = History(Path(self._folder()) / HISTORY_NAME, state.global_step, source)

    def close(self) -> None:
        """Close the file, also after a run that raised; a later row opens it again."""
        if self._history is not None:
            self._history.close()

    def append(self, meta_step: MetaStep) -> None:
        """Write one row; nothing on processes other than the main one."""
        if self._history is not None:
            self._history.append(meta_step)
