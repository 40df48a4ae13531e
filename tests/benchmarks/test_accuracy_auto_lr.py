"""AutoLR does what its module says: layers near the output are made to move most."""

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.accuracy.methods import METHODS
from benchmarks.accuracy.rivals import auto_lr
from benchmarks.accuracy.rivals.layer_rates import grouped_adamw
from hf_metalr.engine.rates import base_lrs
from hf_metalr.layer_groups import make_layer_groups
from tests.benchmarks.tiny_task import make_task
from tests.trainer.tiny import make_vit


def test_auto_lr_scales_each_rate_by_target_over_variation_and_keeps_the_head() -> None:
    network = make_vit(dropout=0.0)
    optimizer = grouped_adamw(network, 1e-3)
    tuning = auto_lr._Tuning(network)
    parameters = dict(network.named_parameters())
    kernels_of = {
        group.name: [parameters[name] for name in group.parameter_names if parameters[name].ndim > 1]
        for group in make_layer_groups(network)
    }
    stem, *blocks, head = (name for name, group in kernels_of.items() if group)
    kernels, shifts = [kernels_of[block] for block in blocks], [1e-3 * 2**-index for index in range(len(blocks))]
    arguments: tuple[Any, ...] = (None, None, None)
    tuning.on_epoch_begin(*arguments)
    with torch.no_grad():
        for group, shift in zip(kernels, shifts, strict=True):
            for kernel in group:
                kernel += shift
    tuning.on_epoch_end(*arguments, optimizer=optimizer, lr_scheduler=None)
    # The norm of a shift of n weights over n.
    variations = [
        shift / sum(kernel.numel() for kernel in group) ** 0.5 for group, shift in zip(kernels, shifts, strict=True)
    ]
    targets = auto_lr.first_targets(variations)
    expected = [1e-3 * target / variation for target, variation in zip(targets, variations, strict=True)]
    rates = base_lrs(optimizer)
    assert [rates[block] for block in blocks] == pytest.approx(expected, rel=1e-4)
    assert rates[stem] == pytest.approx(0.5 * expected[0], rel=1e-4)
    assert rates[head] == 1e-3


def test_auto_lr_starts_the_body_at_a_tenth_and_leaves_an_order_that_is_right(tmp_path: Path) -> None:
    trainer = METHODS["auto_lr"](make_task(tmp_path, "auto_lr", steps=1))
    *body, head = base_lrs(trainer.optimizer.optimizer).values()
    assert head == 1e-3
    assert body == pytest.approx([1e-4] * len(body))
    assert auto_lr.sortedness([1.0] * 4) == 1  # a tie is in order


def test_auto_lr_s_targets_rise() -> None:
    variations = [10.0, 9.0, 8.0, 1.0, 7.0, 2.0]
    assert auto_lr.sortedness(variations) < 0.94
    for targets in (auto_lr.first_targets(variations), auto_lr.mended_targets(variations)):
        assert auto_lr.sortedness(targets) == 1
    assert min(auto_lr.mended_targets(variations)) > 0
