"""The head of a model that was fine-tuned before: its rows are brought into the order of the data's classes."""

import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from hf_metalr.data.words import show
from hf_metalr.engine.no_trace import isolated_rng

_UNNAMED = re.compile(r"(LABEL_)?\d+")


def fit_head(
    model: nn.Module, before: Sequence[str], names: Sequence[str], new: frozenset[str], seed: int, rename: Callable
) -> tuple[list[str], frozenset[str]]:
    """Make each output of a head that came with the weights that of the class of its own name.

    Left alone, output 0 would be called the data's first class, whatever it has learned.

    Args:
        model: changed in place.
        before: names of the outputs in the model's own configuration.
        names: of the data's classes, as many.
        new: names of the tensors that were drawn anew.
        seed: of a head that is drawn anew.
        rename: sets other names in a configuration.

    Returns:
        What was done in words, and the names of the tensors that were drawn anew.
    """
    own, wanted = [name.casefold() for name in before], [name.casefold() for name in names]
    if len(own) != len(wanted):
        return [], new
    head = _tensors_per_class(model, len(names), rename)
    if not head or set(head) & new:
        return [], new
    if any(map(_UNNAMED.fullmatch, [*before, *names])):
        if list(before) == list(names):
            return [], new
        return [
            f"warning: the head of the model is kept, and its outputs {show(list(before))} are taken for "
            f"{show(list(names))}, in this order: whether they are cannot be told"
        ], new
    if own == wanted:
        return [f"the head of the model is kept: it was trained for {show(list(names))} as well"], new
    if len(set(own)) == len(own) and set(own) == set(wanted):
        order = torch.tensor([own.index(name) for name in wanted])
        with torch.no_grad():
            for key, dimension in head.items():
                tensor = model.get_parameter(key)
                tensor.copy_(tensor.index_select(dimension, order.to(tensor.device)))
        return [
            f"the head of the model is kept, in another order: it had {show(list(before))}, the data have "
            f"{show(list(names))}"
        ], new
    with isolated_rng(seed):
        _draw_anew(model, head)
    return [f"the head of the model is drawn anew: it was trained for {show(list(before))}"], new | set(head)


def _tensors_per_class(model: nn.Module, count: int, rename: Callable) -> dict[str, int]:
    """Return the tensors that have a part for each class, and along which dimension: with one class more, they grow."""
    config: Any = deepcopy(model.config)
    rename(config, [str(number) for number in range(count + 1)])
    with torch.device("meta"), isolated_rng(0):
        larger = dict(type(model)(config).named_parameters())
    found = {}
    for key, tensor in model.named_parameters():
        grown = larger[key].shape if key in larger else tensor.shape
        differing = [at for at, (now, then) in enumerate(zip(tensor.shape, grown, strict=True)) if now != then]
        if len(differing) == 1:
            found[key] = differing[0]
    return found


def _draw_anew(model: Any, head: dict[str, int]) -> None:
    for path in dict.fromkeys(key.rpartition(".")[0] for key in head):
        module = model.get_submodule(path)
        for parameter in module.parameters(recurse=False):
            parameter._is_hf_initialized = False  # loaded weights are never drawn anew otherwise
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
        model._init_weights(module)
