"""A pre-trained model with a new head for the task, and its processor."""

import inspect
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from hf_metalr.data.labels.tasks import Task
from hf_metalr.engine.no_trace import evaluation_mode, isolated_rng, kept_buffers
from hf_metalr.errors import InputError
from hf_metalr.loading import first_line, own_code, quiet_loading, read_config, require_trust
from hf_metalr.trainer.batch_norms import FORGETS, USUAL_MOMENTUM, forgetful
from hf_metalr.training.image_size import resized_processor, set_in_config, take_over_positions
from hf_metalr.training.kept_head import fit_head
from hf_metalr.training.model_fields import require_effect, set_fields

TEMPERATURE_FIELD = "calibration_temperature"
"""Field of a model's configuration: logits are divided by it before the softmax or sigmoid (Guo et al. 2017)."""


@dataclass(frozen=True)
class Loaded:
    """A model ready to be fine-tuned.

    Attributes:
        model: with a head for the task, in float32.
        processor: image processor or tokenizer.
        notes: what was changed or drawn anew, one sentence each.
        new: names of the tensors that were drawn anew.
    """

    model: Any
    processor: Any
    notes: list[str]
    new: frozenset[str] = frozenset()


def load_model(
    source: str,
    task: Task,
    names: list[str],
    *,
    settings: dict[str, Any] | None = None,
    image_size: int | None = None,
    seed: int = 0,
    trust_remote_code: bool = False,
) -> Loaded:
    """Load a model of the Hub or a folder with a head for a task.

    Args:
        source: Hub id or folder.
        task: what it is to do.
        names: of the classes or labels, in the order of their numbers.
        settings: changes of the configuration, such as `{"classifier_dropout_prob": 0.2}`.
        image_size: side in pixels of the images that the model is to take, in place of its own; a table of positions
            is interpolated.
        seed: of the new head.
        trust_remote_code: whether code of a model's own may run.

    Raises:
        InputError: a setting that the model does not know, use or leave to the user (`model_settings`), a size that it
            cannot take, or code that is not trusted.
        InputError: no such model, no processor or not one for this input, or weights of another network.
    """
    settings = settings or {}
    original = read_config(source, trust_remote_code)
    config = deepcopy(original)
    set_fields(config, settings, source)
    _set_task(config, names, task)
    processor = _load_processor(source, task, trust_remote_code)
    loader = _Loader(source, task, seed, trust_remote_code)
    if image_size is None:
        model, info = loader.load(config)
    else:
        if task.modality == "text":
            raise InputError(
                "image_size", f"is for images, but the inputs are texts, found {image_size}. Leave it out."
            )
        processor = resized_processor(processor, image_size, source)
        model, info = _of_size(loader, config, image_size)
    if task.modality == "text":
        model.config.pad_token_id = processor.pad_token_id
    require_effect(model, original, settings, partial(_try, processor=processor, task=task, names=names))
    new = frozenset({*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])})
    notes = _note_missing(model, new, source, settings)
    if task.name != "regression":
        told, new = fit_head(model, _names(original), names, new, seed, partial(_set_task, task=task))
        notes += told
    notes += _mend_momentum(model)
    if not trust_remote_code and task.auto_class in own_code(original):
        notes.append(
            f"warning: '{source}' comes with code of its own, which was not run (trust_remote_code): loaded as the "
            f"library's {type(model).__name__}"
        )
    if image_size is not None:
        notes.append(f"images of {image_size} × {image_size} pixels, set in the processor and the model")
    return Loaded(model, processor, notes, new)


@dataclass(frozen=True)
class _Loader:
    source: str
    task: Task
    seed: int
    trust_remote_code: bool

    def load(self, config: Any) -> tuple[Any, Any]:
        """Return the model of a configuration, its new parts drawn from the seed, and what was missing."""
        import transformers

        torch.manual_seed(self.seed)
        try:
            with quiet_loading():
                return getattr(transformers, self.task.auto_class).from_pretrained(
                    self.source,
                    config=config,
                    dtype=torch.float32,
                    ignore_mismatched_sizes=True,
                    output_loading_info=True,
                    trust_remote_code=self.trust_remote_code,
                )
        except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:  # the last: it ends early
            require_trust(self.source, error)
            reason = first_line(error)
            if own_code(config) and "Unrecognized configuration class" in reason:
                reason = f"its own code names no {self.task.auto_class}, only {', '.join(own_code(config))}"
            raise InputError(
                None,
                f"The model '{self.source}' cannot be loaded for {self.task.name} of {self.task.modality}s ({reason})",
            ) from error


def _of_size(loader: _Loader, config: Any, size: int) -> tuple[Any, Any]:
    """Load a model for images of another size than its weights were made for."""
    old, old_info = loader.load(deepcopy(config))
    set_in_config(config, size, loader.source)
    model, info = loader.load(config)
    unfit, as_before = ({key for key, *_ in about["mismatched_keys"]} for about in (info, old_info))
    take_over_positions(model, old.state_dict(), unfit - as_before, loader.source, size)
    return model, old_info


def _try(model: nn.Module, processor: Any, task: Task, names: list[str]) -> None:
    """Call a model on an input and label of no matter, as in training."""
    from PIL import Image

    with isolated_rng(0), kept_buffers(model), evaluation_mode(model):
        if task.modality == "text":
            inputs = processor(["a", "b"], padding=True, return_tensors="pt")
        else:
            channels = getattr(model.config, "num_channels", 3)
            inputs = processor(images=[Image.new("L" if channels == 1 else "RGB", (50, 50))] * 2, return_tensors="pt")
        several = task.name in ("multi-label", "regression")
        labels = torch.zeros(2, len(names)) if several else torch.zeros(2, dtype=torch.long)
        if task.name == "segmentation":
            labels = torch.zeros(2, *inputs["pixel_values"].shape[-2:], dtype=torch.long)
        model.train()(**inputs, labels=labels)


def _names(config: Any) -> list[str]:
    """Return what a configuration calls the outputs of its model."""
    return [str(config.id2label[number]) for number in sorted(config.id2label)]


def _set_task(config: Any, names: list[str], task: Task) -> None:
    config.id2label = dict(enumerate(names))  # sets num_labels as well
    config.label2id = {name: number for number, name in enumerate(names)}
    if hasattr(config, TEMPERATURE_FIELD):  # of the model before it is trained on
        delattr(config, TEMPERATURE_FIELD)
    if task.problem_type is not None:
        config.problem_type = task.problem_type


def _load_processor(source: str, task: Task, trust_remote_code: bool) -> Any:
    from transformers import AutoImageProcessor, AutoTokenizer

    kind, auto = ("image processor", AutoImageProcessor) if task.modality == "image" else ("tokenizer", AutoTokenizer)
    try:
        processor = auto.from_pretrained(source, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, ImportError) as error:
        require_trust(source, error)
        raise InputError(
            None,
            f"The model '{source}' has no {kind} for {task.modality}s ({first_line(error)}). Is it a model for "
            "another kind of input? Otherwise save that of the model it came from beside it.",
        ) from error
    if task.modality == "text" and processor.pad_token is None:
        if processor.eos_token is None:
            raise InputError(None, f"The tokenizer of '{source}' has no padding token, so texts make no batch.")
        processor.pad_token = processor.eos_token
    if task.name == "segmentation":
        if "segmentation_maps" not in inspect.signature(processor.preprocess).parameters:
            raise InputError(
                None,
                f"The image processor of '{source}' ({type(processor).__name__}) takes no masks. Use a model for "
                "semantic segmentation, such as SegFormer, MobileViT, MobileNetV2, BEiT or DPT.",
            )
        processor.do_reduce_labels = False  # of ADE20k, where 0 is no class; in the user's masks it is one
    return processor


def _note_missing(model: nn.Module, missing: frozenset[str], source: str, settings: Mapping[str, Any]) -> list[str]:
    """Say what was drawn anew; refuse weights that hardly fit."""
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    new = sum(sizes.get(name, 0) for name in missing)
    tensors = sum(name in sizes for name in missing)
    if tensors > len(sizes) / 2 and settings:
        raise InputError(
            "model_settings",
            f"must leave the network as it was trained: with {', '.join(settings)} set, {tensors} of the {len(sizes)} "
            f"tensors of '{source}' do not fit. Leave out what changes its shape.",
        )
    if tensors > len(sizes) / 2:
        raise InputError(
            None,
            f"The weights of '{source}' lack {tensors} of the {len(sizes)} tensors of {type(model).__name__}: they are "
            "those of another network.",
        )
    if not tensors:
        return []
    return [f"new and random: {tensors} of {len(sizes)} tensors ({new / sum(sizes.values()):.1%} of the parameters)"]


def _mend_momentum(model: nn.Module) -> list[str]:
    found = forgetful(model)
    for name in found:
        model.get_submodule(name).momentum = USUAL_MOMENTUM  # type: ignore[assignment]
    values = ", ".join(f"{value:g}" for value in sorted(set(found.values())))
    return [f"BatchNorm momentum {values} {FORGETS}: set to {USUAL_MOMENTUM}"] if found else []
