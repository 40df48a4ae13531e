"""What the console shows of the learned rates: one range instead of one number per layer."""

from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import PrinterCallback, ProgressCallback

LR_LOG_PREFIX = "lr/"


def summarize_rates(logs: dict[str, Any]) -> dict[str, Any]:
    """Replace the ``lr/<layer group>`` entries of a log by the range of the rates.

    >>> summarize_rates({"loss": 0.5, "lr/stem": 1e-5, "lr/head": 2e-3})
    {'loss': 0.5, 'layer_lrs': '1e-05 to 0.002'}
    """
    rates = [value for key, value in logs.items() if key.startswith(LR_LOG_PREFIX)]
    kept = {key: value for key, value in logs.items() if not key.startswith(LR_LOG_PREFIX)}
    return kept | {"layer_lrs": f"{min(rates):.3g} to {max(rates):.3g}"} if rates else kept


class _Summarizing(TrainerCallback):
    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().on_log(args, state, control, logs=summarize_rates(logs or {}), **kwargs)


class SummarizingProgressCallback(_Summarizing, ProgressCallback):
    """The progress bar of Transformers, with the learned rates as one range."""


class SummarizingPrinterCallback(_Summarizing, PrinterCallback):
    """The printer of Transformers (``disable_tqdm``), with the learned rates as one range."""


def summarize_on_console(trainer: Any) -> None:
    """Put the summarizing callbacks in the place of the stock ones, where a trainer has those."""
    for stock, summarizing in (
        (ProgressCallback, SummarizingProgressCallback),
        (PrinterCallback, SummarizingPrinterCallback),
    ):
        if any(type(callback) is stock for callback in trainer.callback_handler.callbacks):
            trainer.remove_callback(stock)
            trainer.add_callback(summarizing)
