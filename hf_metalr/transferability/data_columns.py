"""What needs data: gradient-to-weight ratio before training, similarity of features, and the effect of resetting."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from hf_metalr.engine.no_trace import evaluation_mode, isolated_rng, kept_buffers
from hf_metalr.equations import bootstrap_interval, gradient_to_weight_ratio, linear_cka
from hf_metalr.errors import InputError
from hf_metalr.features import pooled_features
from hf_metalr.layer_groups import LayerGroup
from hf_metalr.transferability.ends import End, end_of_module
from hf_metalr.transferability.profile import LossChange
from hf_metalr.transferability.sample_losses import SampleLosses, as_batches, inputs_of, losses_of_logits, on_device

# The unbiased similarity of features needs as many samples.
_LEAST_FOR_CKA = 4


@dataclass(frozen=True)
class DataColumns:
    """Columns by layer group; empty without data."""

    gradient_ratio: Mapping[str, float] = field(default_factory=dict)
    feature_similarity: Mapping[str, float] = field(default_factory=dict)
    reset_to_pretrained: Mapping[str, LossChange] = field(default_factory=dict)
    reset_to_random: Mapping[str, LossChange] = field(default_factory=dict)
    validation_loss: float | None = None
    validation_samples: int | None = None


def measure_on_data(
    tuned: End,
    start: End,
    random: End,
    groups: Sequence[LayerGroup],
    data: Any,
    loss: SampleLosses | None,
    batch_size: int,
    confidence: float,
    seed: int,
) -> DataColumns:
    """Measure the columns that need data; the fine-tuned model is afterwards as it was, bit for bit.

    The model before training is a copy of the fine-tuned one with every pre-trained value that fits; a head that the
    pre-trained end lacks is random. Everything runs in evaluation mode: no dropout, stored normalisation statistics.

    Args:
        tuned: the fine-tuned end.
        start: the pre-trained end.
        random: the random end.
        groups: the layer groups to report.
        data: as in `transferability_profile`, like all that follow.
        loss: None takes `losses_of_logits`.
        batch_size: of a data set.
        confidence: of the intervals of loss changes.
        seed: of random models and of the bootstrap.
    """
    if tuned.module is None:
        raise InputError(
            "data",
            "needs a model to run: pass `fine_tuned` as a model or a Transformers checkpoint, not as bare values.",
        )
    model, batches, losses = tuned.module, as_batches(data, batch_size), loss or losses_of_logits
    with isolated_rng(seed), evaluation_mode(model), kept_buffers(model):
        before = _model_before_training(model, start, random)
        after = _losses(model, batches, losses)
        body = [group for group in groups if not group.is_head]

        def changes(end: End) -> dict[str, LossChange]:
            found = {}
            for group in body:
                with replaced(tuned, end, group):
                    change = _losses(model, batches, losses) - after
                found[group.name] = LossChange(change.mean().item(), *bootstrap_interval(change, confidence, seed=seed))
            return found

        return DataColumns(
            _gradient_ratios(before, groups, batches, losses, len(after)),
            _similarities(before, model, groups, batches) if len(after) >= _LEAST_FOR_CKA else {},
            changes(start),
            changes(random),
            after.mean().item(),
            len(after),
        )


@contextmanager
def replaced(tuned: End, source: End, group: LayerGroup) -> Iterator[None]:
    """Put the values of another end into one layer of the fine-tuned model, statistics of its norms included.

    Afterwards the layer has its own values again, bit for bit, also after an error.
    """
    modules = {name.rpartition(".")[0] for name in group.parameter_names}
    own = {name: tuned.parameters[name] for name in group.parameter_names}
    own |= {name: buffer for name, buffer in tuned.buffers.items() if name.rpartition(".")[0] in modules}
    other = source.parameters | source.buffers
    fitting = {name: value for name, value in own.items() if name in other and other[name].shape == value.shape}
    kept = {name: value.clone() for name, value in fitting.items()}
    with torch.no_grad():
        for name, value in fitting.items():
            value.copy_(other[name])
        try:
            yield
        finally:
            for name, value in fitting.items():
                value.copy_(kept[name])


def _model_before_training(model: nn.Module, start: End, random: End) -> End:
    # Frozen layers have a gradient, too: how much they would move is the question.
    copied = end_of_module(copy.deepcopy(model).requires_grad_(True), "fine_tuned", "before training")
    with torch.no_grad():
        for name, value in (copied.parameters | copied.buffers).items():
            for end in (start, random):
                found = end.parameters.get(name, end.buffers.get(name))
                if found is not None and found.shape == value.shape:
                    value.copy_(found)
                    break
    return copied


def _losses(model: nn.Module, batches: Iterable[Mapping[str, Any]], losses: SampleLosses) -> Tensor:
    """The loss of every sample, float64 on the CPU. Seeded alike each time, so that differences are paired."""
    with isolated_rng(0), torch.no_grad():
        return torch.cat([_checked(losses(model, on_device(batch, model))) for batch in batches]).double().cpu()


def _gradient_ratios(
    before: End, groups: Sequence[LayerGroup], batches: Iterable[Mapping[str, Any]], losses: SampleLosses, count: int
) -> dict[str, float]:
    assert before.module is not None
    with isolated_rng(0), torch.enable_grad():
        for batch in batches:
            (_checked(losses(before.module, on_device(batch, before.module))).sum() / count).backward()
    values = dict(zip(before.parameters, before.module.parameters(), strict=True))
    ratios = {}
    for group in groups:
        members = [values[name] for name in group.parameter_names]
        gradients = [value.grad if value.grad is not None else torch.zeros_like(value) for value in members]
        joined = (torch.cat([tensor.flatten().float().cpu() for tensor in side]) for side in (gradients, members))
        ratios[group.name] = gradient_to_weight_ratio(*joined)
    return ratios


def _similarities(
    before: End, after: nn.Module, groups: Sequence[LayerGroup], batches: Iterable[Mapping[str, Any]]
) -> dict[str, float]:
    assert before.module is not None
    features = [pooled_features(model, map(inputs_of, batches)) for model in (before.module, after)]
    names = [group.name for group in groups if all(group.name in side for side in features)]
    return {name: linear_cka(features[0][name], features[1][name], debiased=True) for name in names}


def _checked(losses: Tensor) -> Tensor:
    if not isinstance(losses, Tensor) or losses.ndim != 1:
        shape = tuple(losses.shape) if isinstance(losses, Tensor) else type(losses).__name__
        raise InputError("loss", f"must return one number per sample, shape (B,), found {shape}. Drop its reduction.")
    return losses
