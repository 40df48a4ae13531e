"""What the console shows of the learned rates: one range instead of one number per layer."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import PrinterCallback, ProgressCallback
from transformers.utils import logging

from hf_metalr.engine import UNSTATED, MetaLR
from hf_metalr.engine.kept_head import DEVIATION_STEPS

logger = logging.get_logger(__name__)

LR_LOG_PREFIX = "lr/"
_KEPT_HEAD = (
    "The head came with the weights, so it is taken to have been trained for this task before: the first "
    f"{DEVIATION_STEPS} steps tell by how much each layer's rate differs from the others. If that was another task, "
    "set kept_head=False."
)


def summarize_rates(logs: dict[str, Any]) -> dict[str, Any]:
    """Replace the ``lr/<layer group>`` entries of a log by the range of the rates.

    >>> summarize_rates({"loss": 0.5, "lr/stem": 1e-5, "lr/head": 2e-3})
    {'loss': 0.5, 'layer_lrs': '1e-05 to 0.002'}
    """
    rates = [value for key, value in logs.items() if key.startswith(LR_LOG_PREFIX)]
    kept = {key: value for key, value in logs.items() if not key.startswith(LR_LOG_PREFIX)}
    return kept | {"layer_lrs": f"{min(rates):.3g} to {max(rates):.3g}"} if rates else kept


def describe_moved_rates(wanted: Mapping[str, float], rates: Mapping[str, float]) -> str:
    """Say in one line which initial rates the trust region has moved.

    Args:
        wanted: the rates that were moved, as they were.
        rates: those of all layer groups, as they are now.

    >>> describe_moved_rates({"stem": 1e-2, "layer.0": 1e-2}, {"stem": 4e-4, "layer.0": 1e-3, "head": 1e-2})
    'Initial learning rate 1.0e-02: 2 of 3 layer groups start lower, at 4.0e-04 to 1.0e-03 (trust_region).'
    """
    parts = []
    for word, moved in (
        ("lower", [rates[name] for name, lr in wanted.items() if rates[name] < lr]),
        ("higher", [rates[name] for name, lr in wanted.items() if rates[name] > lr]),
    ):
        if moved:
            parts.append(f"{len(moved)} of {len(rates)} layer groups start {word}, at {_span(moved)}")
    return f"Initial learning rate {_span(wanted.values())}: {'; '.join(parts)} (trust_region)."


def describe_chosen_rates(rates: Mapping[str, float], chosen: Collection[str], source: str = "the weights") -> str:
    """Say in one line where the rates start that nobody has stated.

    Args:
        rates: those of all layer groups, as they are now.
        chosen: the layer groups whose rates were chosen.
        source: what they were chosen from.

    >>> describe_chosen_rates({"stem": 1e-3, "head": 8e-4}, ["stem", "head"])
    'No learning rate was stated: 2 of 2 layer groups start at 8.0e-04 to 1.0e-03, chosen from the weights.'
    """
    parts, others = [], [lr for name, lr in rates.items() if name not in chosen]
    if chosen:
        where = _span([rates[name] for name in chosen])
        parts.append(f"{len(chosen)} of {len(rates)} layer groups start at {where}, chosen from {source}")
    if others:
        parts.append(
            f"{len(others)} of {len(rates)} at {_span(others)}, Transformers' default, since none could be chosen: "
            "that takes SGD or an optimizer of Adam's kind, trust_region=True, and weight matrices or LoRA to train. "
            "State learning_rate if you know a better one"
        )
    return f"No learning rate was stated: {'; '.join(parts)}."


def _span(rates: Collection[float]) -> str:
    low, high = f"{min(rates):.1e}", f"{max(rates):.1e}"
    return low if low == high else f"{low} to {high}"


class MovedRatesNote(TrainerCallback):
    """Tells once, on the main process, which initial rates were chosen or moved."""

    def __init__(self, engine: Callable[[], MetaLR | None]) -> None:
        self.engine = engine
        self._tell_at_first_step = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        engine = self.engine()
        if engine is None or engine.step > 0:  # resumed, or trained before
            return
        if not state.is_world_process_zero:
            return
        if engine.first_gradient.awaited:
            self._tell_at_first_step = True
        elif args.learning_rate is UNSTATED and args.init_lrs is None:
            chosen = [name for name, lr in engine.first_lrs.items() if lr != float(UNSTATED)]
            logger.warning(describe_chosen_rates(engine.learning_rates, chosen))
        elif engine.moved_at_start:
            logger.warning(describe_moved_rates(engine.moved_at_start, engine.learning_rates))
        if engine.config.kept_head and args.kept_head is None:
            logger.warning(_KEPT_HEAD)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        engine = self.engine()
        if self._tell_at_first_step and engine is not None and not engine.first_gradient.awaited:
            self._tell_at_first_step = False
            source = "the weights and the first gradient"
            logger.warning(describe_chosen_rates(engine.first_lrs, engine.first_gradient.chosen, source))


def summarize_on_console(trainer: Any) -> None:
    """Have the stock callbacks that print logs show one range of rates; they stay the stock classes.

    Their own ``on_log`` is called with the shorter log. It is an attribute of the instance then: a callback put in the
    place of theirs would not be what code looks for, and ours beside it could not keep it from printing.
    """
    for callback in trainer.callback_handler.callbacks:
        if type(callback) in (ProgressCallback, PrinterCallback):
            callback.on_log = partial(_print_summary, callback.on_log)


def _print_summary(
    on_log: Callable[..., None], args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
) -> None:
    on_log(args, state, control, logs=summarize_rates(logs or {}), **kwargs)
