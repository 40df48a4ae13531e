"""`transferability_profile`: from the ends of a fine-tune to the transferability of every layer."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, pstdev
from typing import Any

import torch
from torch import Tensor

from hf_metalr.equations import angle, relative_drift, unit_distances
from hf_metalr.errors import InputError
from hf_metalr.layer_groups import LayerGroup, make_layer_groups
from hf_metalr.transferability.data_columns import DataColumns, measure_on_data
from hf_metalr.transferability.ends import End, Source, read_end
from hf_metalr.transferability.intervals import means, ratio_interval
from hf_metalr.transferability.profile import LayerTransferability, TransferabilityProfile
from hf_metalr.transferability.protocol import Protocol, as_protocol
from hf_metalr.transferability.random_end import RandomEnd, RandomSource, random_end
from hf_metalr.transferability.sample_losses import SampleLosses


def transferability_profile(
    fine_tuned: Source,
    pretrained: Source,
    random: RandomSource = None,
    *,
    random_draws: int = 5,
    layer_groups: str | Mapping[str, str] = "block",
    protocol: str | Protocol = "published",
    data: Any = None,
    loss: SampleLosses | None = None,
    batch_size: int = 32,
    confidence: float = 0.95,
    samples: int | None = None,
    steps: int | None = None,
    learning_rate: float | None = None,
    recipe: str | None = None,
    seed: int = 0,
    trust_remote_code: bool = False,
) -> TransferabilityProfile:
    """Measure how far pre-trained parameters carried to a task, layer by layer, after a fine-tune.

        T_l = D(θ_r, θ_FB) / D(θ_A, θ_FB)          θ_r random, θ_A pre-trained, θ_FB fine-tuned

    Each end may be a model (`torch.nn.Module`), a state dict, a checkpoint folder (of Transformers, or bare
    safetensors) or a Hub id; folders and ids are loaded by the class that their config names, the pre-trained one by
    the class of the fine-tuned. Tensors are matched by name; those of another shape (a new head) have no T of their
    own.

    Args:
        fine_tuned: θ_FB.
        pretrained: θ_A.
        random: θ_r. None draws ``random_draws`` re-initialisations of the fine-tuned model's class (a plain module:
            `reset_parameters` of each of its modules) and gives the spread. A function without arguments that makes the
            model is drawn from likewise. "expectation" takes the closed form for the family of each tensor (constant,
            normal, truncated normal, uniform; `families` of the result says which). An end is used as it is.
        random_draws: number of draws.
        layer_groups: as in `hf_metalr.make_layer_groups`.
        protocol: "published" (arXiv 2212.00399) or a `Protocol` with other options.
        data: validation samples with labels: a map-style data set of model inputs, or ready batches (an iterable of
            dicts of tensors). With it come the gradient-to-weight ratio before training, the similarity of features
            before and after, and the effect of resetting each layer. Needs a model, or a Transformers checkpoint, as
            ``fine_tuned``; costs one backward pass, two feature passes and two forward passes *per layer* over the
            data, and two copies of the model. The model is left as it was, bit for bit.
        loss: ``loss(model, batch)`` returns the loss of each sample, shape (B,). By default cross-entropy, binary
            cross-entropy or squared error of the logits, told by the labels' dtype and shape.
        batch_size: of a data set; ready batches keep theirs.
        confidence: of the bootstrap intervals, of T over output units and of loss changes over samples.
        samples: how many samples the fine-tune had (printed beside T, which depends on it).
        steps: its optimizer steps.
        learning_rate: its rate.
        recipe: its optimizer, schedule and the like, in a few words.
        seed: of the random draws and the bootstrap. The global random streams are untouched.
        trust_remote_code: whether code of a Hub model may run.

    Raises:
        InputError: an option is unknown; an end cannot be read or does not fit; no layer can be compared; the random
            end cannot be drawn; the data hold no labels. The message names it and a way out.

    Source: arXiv 2212.00399. T is a diagnosis after the fact: it falls with steps × rate. Compare layers, or models
    under one recipe. A layer whose pre-trained weights are much larger than its initialiser's has a large T for that
    alone (weights of another framework, weights in front of a norm): drift and angle, beside it, do not.

    Example:
        >>> from torch import nn
        >>> before = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> after = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> _ = after.load_state_dict({name: value + 0.01 for name, value in before.state_dict().items()})
        >>> profile = transferability_profile(after, before, steps=10, learning_rate=1e-3)
        >>> [layer.name for layer in profile.layers], profile.transferability > 1
        (['layer.0', 'head'], True)
    """
    protocol = as_protocol(protocol)
    _require_counts(random_draws, batch_size, confidence)
    _require_recipe(samples, steps, learning_rate)
    tuned = read_end(fine_tuned, "fine_tuned", None, trust_remote_code)
    start = read_end(pretrained, "pretrained", tuned.module, trust_remote_code)
    groups = make_layer_groups(_names_in_order(tuned, start), layer_groups)
    matched = _match(tuned, start)
    chosen, left_out = _choose(groups, matched, tuned, protocol)
    weights = {name: matched[name] for names in chosen.values() for name in names}
    model = tuned.module or start.module
    drawn = random_end(random, weights, model, random_draws, seed, trust_remote_code)
    columns = DataColumns()
    if data is not None:
        measured = [group for group in groups if group.name in chosen]
        columns = measure_on_data(tuned, start, drawn.values, measured, data, loss, batch_size, confidence, seed)
    is_head = {group.name: group.is_head for group in groups}
    layers = tuple(
        _layer(name, is_head[name], names, tuned, start, drawn, protocol, columns, confidence, seed)
        for name, names in chosen.items()
    )
    return TransferabilityProfile(
        layers,
        tuned.label,
        start.label,
        drawn.source,
        protocol,
        drawn.families,
        left_out,
        samples,
        steps,
        learning_rate,
        recipe,
        columns.validation_loss,
        columns.validation_samples,
    )


def _require_counts(random_draws: int, batch_size: int, confidence: float) -> None:
    for name, count in (("random_draws", random_draws), ("batch_size", batch_size)):
        if type(count) is not int or count < 1:
            raise InputError(name, f"must be an integer of at least 1, found {count!r}.")
    if not 0 < confidence < 1:
        raise InputError("confidence", f"must lie strictly between 0 and 1, found {confidence!r}. Try 0.95.")


def _require_recipe(samples: int | None, steps: int | None, learning_rate: float | None) -> None:
    for name, value in (("samples", samples), ("steps", steps), ("learning_rate", learning_rate)):
        if value is not None and not 0 <= value < math.inf:
            raise InputError(name, f"must be finite and at least 0, found {value!r}. Leave it out if unknown.")


def _names_in_order(tuned: End, start: End) -> list[str]:
    """The fine-tuned parameters in the order of a model's definition, which safetensors files do not keep."""
    defined = [name for end in (tuned, start) if end.module is not None for name in end.parameters]
    order = {name: position for position, name in enumerate(dict.fromkeys(defined))}
    return sorted(tuned.parameters, key=lambda name: order.get(name, len(order)))


def _match(tuned: End, start: End) -> dict[str, Tensor]:
    """The fine-tuned tensors that the pre-trained end has in the same shape."""
    return {
        name: tensor
        for name, tensor in tuned.parameters.items()
        if name in start.parameters and start.parameters[name].shape == tensor.shape and tensor.numel() > 0
    }


def _choose(
    groups: Sequence[LayerGroup], matched: Mapping[str, Tensor], tuned: End, protocol: Protocol
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The tensors that count in each layer group, and what is left out with the reason."""
    chosen, left_out = {}, {}
    for group in groups:
        present = {name: matched[name] for name in group.parameter_names if name in matched}
        missing = [name for name in group.parameter_names if name not in matched]
        names = protocol.select(present)
        if names:
            chosen[group.name] = names
            left_out.update(dict.fromkeys(missing, "no pre-trained tensor of this name and shape"))
        elif missing:
            left_out[group.name] = "no pre-trained tensors of these names and shapes"
        else:
            left_out[group.name] = "no weights that count"
    body = [group for group in groups if not group.is_head]
    if not any(group.name in chosen for group in body):
        if any(name in matched for group in body for name in group.parameter_names):
            raise InputError(
                "protocol",
                "counts weights of convolutions, linear layers and lookup tables, and beside the head the "
                "model has none. Pass protocol=Protocol(tensors='all').",
            )
        raise InputError(
            "pretrained",
            f"must be what fine-tuning started from: beside the head no tensor of `fine_tuned` "
            f"({', '.join(list(tuned.parameters)[:2])}, …) has a pre-trained one of the same name and shape. "
            "Pass the checkpoint of the same class of model.",
        )
    return chosen, left_out


def _layer(
    group: str,
    is_head: bool,
    names: Iterable[str],
    tuned: End,
    start: End,
    drawn: RandomEnd,
    protocol: Protocol,
    columns: DataColumns,
    confidence: float,
    seed: int,
) -> LayerTransferability:
    pairs = [(start.parameters[name].cpu(), tuned.parameters[name].cpu()) for name in names]
    moved = [unit_distances(*pair) for pair in pairs]
    per_draw = [[distances[name] for name in names] for distances in drawn.distances]
    by_draw = [protocol.ratio(means(distances), means(moved)) for distances in per_draw]
    low, high = ratio_interval(protocol, per_draw, moved, confidence, seed)
    before, after = (torch.cat([pair[side].float().flatten() for pair in pairs]) for side in (0, 1))
    return LayerTransferability(
        name=group,
        is_head=is_head,
        tensors=len(pairs),
        transferability=fmean(by_draw),
        low=low,
        high=high,
        draw_spread=pstdev(by_draw) if all(map(math.isfinite, by_draw)) else math.nan,
        distance_from_random=fmean(fmean(means(distances)) for distances in per_draw),
        distance_from_pretrained=fmean(means(moved)),
        relative_drift=relative_drift(before, after),
        angle=angle(before, after),
        gradient_ratio=columns.gradient_ratio.get(group),
        feature_similarity=columns.feature_similarity.get(group),
        reset_to_pretrained=columns.reset_to_pretrained.get(group),
        reset_to_random=columns.reset_to_random.get(group),
    )
