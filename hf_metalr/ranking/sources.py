"""The backbones to rank: found and checked first, loaded one at a time."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from hf_metalr.data.labels.tasks import Modality
from hf_metalr.errors import InputError
from hf_metalr.ranking.checkpoints import Checkpoint
from hf_metalr.ranking.processors import CountCut, Prepare, Processing

Source = str | os.PathLike[str]
Module = tuple[nn.Module, Callable[..., Any]]


@dataclass(frozen=True)
class Backbone:
    """A loaded backbone.

    prepare: from texts or images to what the model is called with. count_cut: tells how many texts are longer than the
    model takes; None for images and for functions. processor_key: what tells its processor from
    others; None for a function, which nothing tells. has_source_head: whether its logits are those of a head that was
    trained on other classes.
    """

    name: str
    model: nn.Module
    prepare: Prepare
    count_cut: CountCut | None
    processor_key: str | None
    has_source_head: bool
    is_random: bool


@dataclass(frozen=True)
class Candidate:
    """A backbone that can be loaded."""

    name: str
    load: Callable[[], Backbone]


def find_candidates(
    models: Sequence[Source] | Mapping[str, Source | Module],
    modality: Modality,
    dtype: torch.dtype | None,
    random_twins: bool,
    seed: int,
    trust_remote_code: bool,
) -> list[Candidate]:
    """Check every model's configuration, input and processor, before the weights of any are read.

    Raises:
        InputError: no models, a name twice, an unknown model or one for other inputs, or no processor.
    """
    candidates = []
    for name, source in _named(models).items():
        if isinstance(source, str | os.PathLike):
            checkpoint = Checkpoint.find(name, source, modality, trust_remote_code)
            processing = Processing.of(checkpoint.processor, name)
            candidates.append(Candidate(name, _loader(name, checkpoint, processing, dtype)))
            if random_twins:
                twin = f"{name} (random)"
                candidates.append(Candidate(twin, _loader(twin, checkpoint, processing, dtype, seed)))
        elif random_twins:
            raise InputError(
                "random_twins",
                f"needs checkpoints, whose configuration tells how to begin anew; {name!r} is a module. "
                "Put a randomly initialised module of its kind into `models` instead.",
            )
        else:
            candidates.append(_module_candidate(name, source, modality, dtype))
    return candidates


def _named(models: Any) -> dict[str, Any]:
    if isinstance(models, Mapping):
        named = {str(name): source for name, source in models.items()}
    elif isinstance(models, str | os.PathLike) or not isinstance(models, Sequence):
        raise InputError(
            "models",
            f"must be a list of Hub ids or folders, or a mapping name -> model, found {models!r}. Put a "
            "single one into a list.",
        )
    else:
        names = [os.fspath(model) if isinstance(model, str | os.PathLike) else None for model in models]
        wrong = [model for model, name in zip(models, names, strict=True) if name is None]
        if wrong:
            raise InputError(
                "models",
                f"must list Hub ids or folders, found {type(wrong[0]).__name__}. Name modules in a mapping: "
                '{"my network": (module, processor)}.',
            )
        if len(set(names)) < len(names):
            raise InputError("models", f"must not name a model twice, found {sorted(map(str, names))}.")
        named = {str(name): name for name in names}
    if not named:
        raise InputError("models", "must name at least one model, found none.")
    return named


def _loader(
    name: str,
    checkpoint: Checkpoint,
    processing: Processing,
    dtype: torch.dtype | None,
    seed: int | None = None,
) -> Callable[[], Backbone]:
    def load() -> Backbone:
        if seed is not None:
            drawn = checkpoint.draw(dtype or torch.float32, seed)
            return Backbone(name, drawn, *processing.prepare(drawn), processing.key, False, True)
        model, has_source_head = checkpoint.load(dtype or torch.float32)
        return Backbone(name, model, *processing.prepare(model), processing.key, has_source_head, False)

    return load


def _module_candidate(name: str, source: Any, modality: Modality, dtype: torch.dtype | None) -> Candidate:
    if not isinstance(source, tuple) or len(source) != 2 or not isinstance(source[0], nn.Module):
        raise InputError(
            None,
            f"`models[{name!r}]` must be a Hub id, a folder, or a pair (module, processor), found "
            f"{type(source).__name__}. The processor turns a list of images or texts into the module's input.",
        )
    model, processor = source
    expected = {"image": "pixel_values", "text": "input_ids"}[modality]
    if getattr(model, "main_input_name", expected) != expected:
        raise InputError(
            None,
            f"`models[{name!r}]` takes {model.main_input_name}, but the data set holds {modality}s. Choose a model for "
            f"{modality}s, or another `input_column`.",
        )
    processing = Processing.of(processor, name)
    converted = model if dtype is None else None

    def load() -> Backbone:
        import copy

        own = converted if converted is not None else copy.deepcopy(model).to(dtype)
        return Backbone(name, own, *processing.prepare(own), processing.key, False, False)

    return Candidate(name, load)
