"""A fine-tuned model as it was saved: no head is drawn anew, and its own processor comes before it."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from hf_metalr.checked_json import read_object
from hf_metalr.data.config import DataConfig
from hf_metalr.data.inputs.prepare import ImagePreparation, TextPreparation, prepare_for
from hf_metalr.data.labels.tasks import Modality, Task
from hf_metalr.errors import InputError
from hf_metalr.inference.config import ModelConfig
from hf_metalr.loading import first_line, quiet_loading, read_config, require_trust
from hf_metalr.training.models import TEMPERATURE_FIELD
from hf_metalr.training.run_record import RUN_NAME

_MODALITIES: dict[str, Modality] = {
    "ForImageClassification": "image",
    "ForSequenceClassification": "text",
    "ForSemanticSegmentation": "image",
}
_RUN_BYTES = 2**20


@dataclass(frozen=True)
class Served:
    """A model that answers.

    Attributes:
        source: folder or Hub id.
        model: in float32, in evaluation, on the device that it is used on.
        prepare: makes its inputs.
        task: what it does.
        names: of the classes or labels, in the order of its outputs; of a regression its one output.
        temperature: of its configuration; None where it has none.
        window: of deep images, with which it was trained here; None where that is not known.
        notes: what is to be told.
    """

    source: str
    model: Any
    prepare: ImagePreparation | TextPreparation
    task: Task
    names: list[str]
    temperature: float | None
    window: Any
    notes: list[str]


def load_served(config: ModelConfig) -> Served:
    """Load a model that was fine-tuned, here or elsewhere.

    Raises:
        InputError: no such model, one of another kind, one whose head is missing, or one without a processor.
    """
    source = config.model
    original = read_config(source, config.trust_remote_code)
    task = _task(original, config)
    processor = _processor(source, task, config.trust_remote_code)
    model = _model(source, task, config.trust_remote_code).eval().to(device())
    names, notes = _names(model.config)
    if task.modality == "text" and model.config.pad_token_id is None:
        model.config.pad_token_id = processor.pad_token_id
    notes = [f"model: {source}, {task.name} of {task.modality}s: {_shown(names)}", *notes]
    if task.name == "regression" and re.fullmatch(r"checkpoint-\d+", Path(source).name):
        notes.append(
            f"warning: '{source}' is a checkpoint in the middle of a training: train saves regressions in the unit of "
            "the data at its end alone, so these answers may be in another unit"
        )
    temperature = getattr(model.config, TEMPERATURE_FIELD, None)
    return Served(source, model, prepare_for(processor, model), task, names, temperature, _window(source), notes)


def device() -> torch.device:
    """Return where models are used: the accelerator of this process, if there is one."""
    from accelerate import PartialState

    return torch.device(PartialState(cpu=not torch.accelerator.is_available()).device)


def _task(config: Any, wanted: ModelConfig) -> Task:
    architectures = list(getattr(config, "architectures", None) or [])
    modality = next((m for end, m in _MODALITIES.items() for name in architectures if end in name), None)
    if modality is None:
        raise InputError(
            None,
            f"The model '{wanted.model}' must be one that classifies, segments or answers with a number (a class of "
            f"Transformers with {', '.join(_MODALITIES)} in its name), found {', '.join(architectures) or 'no class'}. "
            "Fine-tune it first: hf-metalr train.",
        )
    if any("ForSemanticSegmentation" in name for name in architectures):
        found: Any = "segmentation"
    elif config.problem_type == "regression" or (config.problem_type is None and config.num_labels == 1):
        found = "regression"
    else:
        found = "multi-label" if config.problem_type == "multi_label_classification" else "classification"
    if wanted.task is not None and ("segmentation" in (found, wanted.task)) and wanted.task != found:
        raise InputError("task", f"cannot be {wanted.task}: '{wanted.model}' is made for {found}. Leave it out.")
    task = Task(wanted.task or found, modality)  # type: ignore[arg-type]  # checked by the class
    if (task.name == "regression" and config.num_labels != 1) or (
        task.name == "classification" and config.num_labels < 2
    ):
        rule = "one output" if task.name == "regression" else "at least two outputs"
        raise InputError(
            "task", f"{task.name} needs a model with {rule}, but '{wanted.model}' has {config.num_labels}."
        )
    return task


def _processor(source: str, task: Task, trust_remote_code: bool) -> Any:
    from transformers import AutoImageProcessor, AutoTokenizer

    kind, auto = ("image processor", AutoImageProcessor) if task.modality == "image" else ("tokenizer", AutoTokenizer)
    try:
        processor = auto.from_pretrained(source, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, ImportError, KeyError) as error:
        require_trust(source, error)
        is_plain = Path(source).is_dir() and first_line(error).startswith("Can't load")
        reason = "" if is_plain else f" ({first_line(error)})"
        raise InputError(
            None,
            f"The model '{source}' has no {kind}, so how its inputs were prepared is not known{reason}. "
            f"Save the one that it was trained with beside it: {auto.__name__}.from_pretrained(the model it came "
            f"from).save_pretrained('{source}').",
        ) from error
    if task.modality == "text" and processor.pad_token is None and processor.eos_token is not None:
        processor.pad_token = processor.eos_token
    return processor


def _model(source: str, task: Task, trust_remote_code: bool) -> Any:
    import transformers

    try:
        with quiet_loading():
            model, info = getattr(transformers, task.auto_class).from_pretrained(
                source,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # told below, by name
                output_loading_info=True,
                trust_remote_code=trust_remote_code,
            )
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        require_trust(source, error)
        raise InputError(None, f"The model '{source}' cannot be loaded ({first_line(error)}).") from error
    for key, stored, wanted in info["mismatched_keys"]:
        raise InputError(
            None,
            f"The weights of '{source}' do not fit its configuration: {key} is {tuple(stored)} where {tuple(wanted)} "
            f"is called for. Is the list of classes in its config.json ({model.config.num_labels}) another than it was "
            "trained with?",
        )
    missing = sorted(info["missing_keys"])
    if missing:
        raise InputError(
            None,
            f"The model '{source}' lacks {len(missing)} of its tensors ({', '.join(missing[:3])}"
            f"{', …' if len(missing) > 3 else ''}), which would be random. Was it fine-tuned, and saved whole?",
        )
    return model


def _names(config: Any) -> tuple[list[str], list[str]]:
    """Return different names of all outputs, and what is to be told of them."""
    names = [str(config.id2label[number]) for number in sorted(config.id2label)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if not twice:
        return names, []
    numbered = [f"{name} ({number})" if name in twice else name for number, name in enumerate(names)]
    return numbered, [f"warning: several outputs of the model are called {_shown(twice)}: their numbers are added"]


def _window(source: str) -> Any:
    """Return the window that `run.json` of a training says; None without one."""
    path = Path(source) / RUN_NAME
    if not path.is_file():
        return None
    found = (read_object(path, _RUN_BYTES, "record of a run").get("options") or {}).get("window")
    return tuple(found) if isinstance(found, list) else found


def with_window(served: Served, data: DataConfig) -> tuple[DataConfig, list[str]]:
    """Return the `DataConfig` with the window of the model's training, where the user gives none, and a note."""
    if data.window is not None or served.window is None:
        return data, []
    words = served.window if isinstance(served.window, str) else " ".join(f"{value:g}" for value in served.window)
    note = f"images of more than 8 bits: --window {words}, with which the model was trained"
    return replace(data, window=served.window), [note]


def chosen_temperature(served: Served, wanted: bool) -> float:
    """Return what logits are divided by: 1, or the model's own temperature where that is asked for.

    Raises:
        InputError: the model has none, or one that is no positive number.
    """
    if not wanted:
        return 1.0
    if not isinstance(served.temperature, int | float) or not served.temperature > 0:
        raise InputError(
            "calibrated",
            f"needs a model with a temperature ({TEMPERATURE_FIELD} in its config.json), but '{served.source}' has "
            f"{served.temperature!r}. Fit one first: `hf-metalr evaluate … --save-temperature`.",
        )
    return float(served.temperature)


def _shown(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
