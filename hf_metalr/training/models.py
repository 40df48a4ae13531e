"""A pre-trained model with a new head for the task, and its processor."""

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from hf_metalr.loading import first_line, quiet_loading, read_config
from hf_metalr.trainer.batch_norms import FORGETS, USUAL_MOMENTUM, forgetful
from hf_metalr.training.tasks import Task


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
    seed: int = 0,
    trust_remote_code: bool = False,
) -> Loaded:
    """Load a model of the Hub or a folder with a head for a task.

    Args:
        source: Hub id or folder.
        task: what it is to do.
        names: of the classes or labels, in the order of their numbers.
        settings: changes of the configuration, such as `{"classifier_dropout_prob": 0.2}`.
        seed: of the new head.
        trust_remote_code: whether code of a Hub model may run.

    Raises:
        ValueError: no such model, no processor or not one for this input, an unknown setting, or weights of another
            network.
    """
    import transformers

    config = read_config(source, trust_remote_code)
    common = {"trust_remote_code": trust_remote_code}
    _configure(config, task, names, settings or {}, source)
    processor = _load_processor(source, task, common)
    torch.manual_seed(seed)
    try:
        with quiet_loading():
            model, info = getattr(transformers, task.auto_class).from_pretrained(
                source,
                config=config,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **common,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:  # the last: of a file that ends early
        raise ValueError(
            f"The model '{source}' cannot be loaded for {task.name} of {task.modality}s ({first_line(error)})"
        ) from error
    if task.modality == "text":
        model.config.pad_token_id = processor.pad_token_id
    new = frozenset({*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])})
    return Loaded(model, processor, [*_note_missing(model, new, source), *_mend_momentum(model)], new)


def _configure(config: Any, task: Task, names: list[str], settings: dict[str, Any], source: str) -> None:
    for name, value in settings.items():
        if not hasattr(config, name):
            raise ValueError(
                f"The configuration of '{source}' has no {name!r}. It has: {', '.join(sorted(config.to_dict()))}."
            )
        setattr(config, name, value)
    config.id2label = dict(enumerate(names))  # sets num_labels as well
    config.label2id = {name: number for number, name in enumerate(names)}
    if task.problem_type is not None:
        config.problem_type = task.problem_type


def _load_processor(source: str, task: Task, common: dict[str, Any]) -> Any:
    from transformers import AutoImageProcessor, AutoTokenizer

    kind, auto = ("image processor", AutoImageProcessor) if task.modality == "image" else ("tokenizer", AutoTokenizer)
    try:
        processor = auto.from_pretrained(source, **common)
    except (OSError, ValueError, ImportError) as error:
        raise ValueError(
            f"The model '{source}' has no {kind} for {task.modality}s ({first_line(error)}). Is it a model for "
            "another kind of input? Otherwise save that of the model it came from beside it."
        ) from error
    if task.modality == "text" and processor.pad_token is None:
        if processor.eos_token is None:
            raise ValueError(f"The tokenizer of '{source}' has no padding token, so texts make no batch.")
        processor.pad_token = processor.eos_token
    if task.name == "segmentation":
        if "segmentation_maps" not in inspect.signature(processor.preprocess).parameters:
            raise ValueError(
                f"The image processor of '{source}' ({type(processor).__name__}) takes no masks. Use a model for "
                "semantic segmentation, such as SegFormer, MobileViT, MobileNetV2, BEiT or DPT."
            )
        processor.do_reduce_labels = False  # of ADE20k, where 0 is no class; in the user's masks it is one
    return processor


def _note_missing(model: nn.Module, missing: frozenset[str], source: str) -> list[str]:
    """Say what was drawn anew; refuse weights that hardly fit."""
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    new = sum(sizes.get(name, 0) for name in missing)
    tensors = sum(name in sizes for name in missing)
    if tensors > len(sizes) / 2:
        raise ValueError(
            f"The weights of '{source}' lack {tensors} of the {len(sizes)} tensors of {type(model).__name__}: they are "
            "those of another network."
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
