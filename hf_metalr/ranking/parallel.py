"""Sharing work among the processes of `accelerate launch` or `torchrun`; one process alone does it all."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import datasets
import torch
from accelerate import PartialState
from accelerate.utils import gather_object, parse_flag_from_env
from transformers.utils import logging

from hf_metalr.errors import InputError

T = TypeVar("T")


def process_state() -> PartialState:
    """Return accelerate's view of this launch, which without `cpu` would take each of several CPU processes for all."""
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available())


def gather_results(make: Callable[[], T]) -> list[T]:
    """Run on every process and return all results in the order of the processes, on every process.

    Raises:
        InputError: of the function, on every process: were it raised on one alone, the others would wait for ever.
    """
    if process_state().num_processes == 1:
        return [make()]
    try:
        own: tuple[T | None, str] = make(), ""
    except (ValueError, OSError, RuntimeError) as error:
        own = None, str(error) or type(error).__name__
    everyone = gather_object([own])
    failed = next((message for _, message in everyone if message), None)
    if failed is not None:
        raise InputError(None, failed)
    return [result for result, _ in everyone]


def own_part(items: Sequence[T]) -> Sequence[T]:
    """Return the consecutive part of the items that is this process's to do."""
    state = process_state()
    first, last = (
        index * len(items) // state.num_processes for index in (state.process_index, state.process_index + 1)
    )
    return items[first:last]


def progress(items: Sequence[T], description: str) -> Iterable[T]:
    """Show a bar on the main process, unless Transformers' or Datasets' bars are switched off."""
    is_off = not process_state().is_main_process or datasets.are_progress_bars_disabled()
    return logging.tqdm(items, desc=description, leave=False, disable=is_off)
