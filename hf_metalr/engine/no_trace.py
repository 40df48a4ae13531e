"""Running a model so that it leaves no trace in the training it serves."""

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


@contextmanager
def isolated_rng(seed: int, accelerator: bool = True) -> Iterator[None]:
    """Run with freshly seeded Python, NumPy and torch generators; restore all of them afterwards.

    Args:
        seed: of all generators.
        accelerator: whether the generators of accelerator devices are included; data loading needs none of them, and a
            forked worker process must not touch them.

    Seeding rather than forking: a fork would give the meta forward the very dropout masks and augmentations that the
    next training step is about to draw.
    """
    python_state, numpy_state = random.getstate(), np.random.get_state()
    device = torch.accelerator.current_accelerator() if accelerator and torch.accelerator.is_available() else None
    devices = range(torch.accelerator.device_count()) if device is not None else ()
    with torch.random.fork_rng(devices=devices, device_type=device.type if device is not None else "cuda"):
        random.seed(seed)
        np.random.seed(seed % 2**32)
        (torch.manual_seed if accelerator else torch.default_generator.manual_seed)(seed)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


@contextmanager
def kept_buffers(model: nn.Module) -> Iterator[None]:
    """Restore every buffer (BatchNorm statistics and counters) to its value at entry.

    Costs one copy of the buffers for as long as the context lasts.
    """
    kept = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for module, name, buffer, value in kept:
                buffer.copy_(value)
                module._buffers[name] = buffer


@contextmanager
def hidden_gradients(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Set every ``.grad`` aside, so that a backward starts from none, and put the same tensors back afterwards."""
    kept = [(parameter, parameter.grad) for parameter in {id(p): p for p in parameters}.values()]
    for parameter, _ in kept:
        parameter.grad = None
    try:
        yield
    finally:
        for parameter, gradient in kept:
            parameter.grad = gradient


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Evaluate, then put every module back into its own mode."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def mixed_seed(*parts: int) -> int:
    """Return one 63-bit seed for a tuple of integers such as (seed, step, rank); neighbours give unrelated streams."""
    return int(np.random.SeedSequence([part % 2**64 for part in parts]).generate_state(1, np.uint64)[0] >> np.uint64(1))
