"""The three ends of a transferability: models, state dicts, checkpoint folders or Hub ids, all read to one form."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers import PreTrainedConfig, PreTrainedModel

from hf_metalr.engine.no_trace import isolated_rng
from hf_metalr.errors import InputError
from hf_metalr.layer_groups.parameter_names import unwrap, without_adapter
from hf_metalr.loading import first_line, own_auto_class, quiet_loading, require_trust

Source = nn.Module | Mapping[str, Tensor] | str | Path

# What a state dict holds besides parameters.
_STATISTICS = re.compile(r"(^|\.)(running_mean|running_var|num_batches_tracked)$")


@dataclass(frozen=True)
class End:
    """One end: its values by name, free of wrappers (`module.`, `_orig_mod.`). Tensors share the model's memory.

    label: what the user called it. module: None for a state dict and for bare safetensors.
    """

    label: str
    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]
    module: nn.Module | None = None


def read_end(source: Source, name: str, like: nn.Module | None = None, trust_remote_code: bool = False) -> End:
    """Read one end.

    Args:
        source: a model; a state dict; a folder, of Transformers or with bare safetensors; or a Hub id.
        name: the parameter that the user passed it as, for messages.
        like: a Transformers model whose class a folder or Hub id is loaded as, so that names agree; what the checkpoint
            lacks or has in another shape (the head) is left out of the end. None takes the class from the config.
        trust_remote_code: whether the code of a Hub model may run.

    Raises:
        InputError: there is no such model, the file is damaged, the parameters are sharded, or adapters are not merged.
    """
    if isinstance(source, nn.Module):
        module = _without_wrappers(source)
        return end_of_module(module, name, type(module).__name__)
    if isinstance(source, Mapping):
        return _end_of_values(dict(source), name, "state dict")
    if not isinstance(source, (str, Path)):
        raise InputError(
            name,
            f"must be a model, a state dict, a checkpoint folder or a Hub id, found {type(source).__name__}.",
        )
    folder = Path(source)
    if folder.is_dir() and not (folder / "config.json").is_file():
        return _end_of_values(_read_safetensors(folder, name), name, str(source))
    return _load(str(source), name, like, trust_remote_code)


def _without_wrappers(module: nn.Module) -> nn.Module:
    """The user's own model, whose class can be drawn anew and whose inputs have names."""
    if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        return _without_wrappers(module.module)
    compiled = getattr(module, "_orig_mod", None)
    return _without_wrappers(compiled) if isinstance(compiled, nn.Module) else module


def end_of_module(module: nn.Module, name: str, label: str) -> End:
    """Return the end that a model's present values are."""
    parameters = {key: value.detach() for key, value in module.named_parameters()}
    return _end(parameters, dict(module.named_buffers()), name, label, module)


def _end_of_values(values: dict[str, Tensor], name: str, label: str) -> End:
    parameters: dict[str, Tensor] = {}
    buffers: dict[str, Tensor] = {}
    for key, value in values.items():
        if isinstance(value, Tensor):
            is_parameter = value.is_floating_point() and not _STATISTICS.search(key)
            (parameters if is_parameter else buffers)[key] = value.detach()
    return _end(parameters, buffers, name, label, None)


def _end(
    parameters: dict[str, Tensor], buffers: dict[str, Tensor], name: str, label: str, module: nn.Module | None
) -> End:
    _refuse_parts(parameters, name)
    plain = [".".join(path) for path in unwrap([*parameters, *buffers])]  # together: a wrapper is around all of them
    count = len(parameters)
    return End(
        label,
        dict(zip(plain[:count], parameters.values(), strict=True)),
        dict(zip(plain[count:], buffers.values(), strict=True)),
        module,
    )


def _refuse_parts(parameters: Mapping[str, Tensor], name: str) -> None:
    if not parameters:
        raise InputError(name, "has no parameters.")
    if any(isinstance(tensor, DTensor) for tensor in parameters.values()):
        raise InputError(
            name,
            "is sharded over processes, each of which sees only a part. Save a full checkpoint and pass its folder.",
        )
    paths = unwrap(list(parameters))
    adapters = [".".join(path) for path in paths if without_adapter(path) != path]
    if adapters:
        raise InputError(
            name,
            f"holds adapters ({adapters[0]}, …), beside which the pre-trained weights never move. "
            "Merge them first: model.merge_and_unload().",
        )


def _read_safetensors(folder: Path, name: str) -> dict[str, Tensor]:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise InputError(name, f"the folder {str(folder)!r} holds neither config.json nor safetensors files.")
    values: dict[str, Tensor] = {}
    for file in files:
        try:
            values |= load_file(file)
        except SafetensorError as error:
            raise InputError(name, f"{file} is damaged ({error}). Copy it anew.") from error
    return values


def _load(source: str, name: str, like: nn.Module | None, trust_remote_code: bool) -> End:
    with _one_clear_error(source, name):
        model_class, kind = _class_for(source, like, trust_remote_code)
    if isinstance(like, PreTrainedModel) and kind != like.config.model_type:
        raise InputError(
            name,
            f"{source!r} is a model of type {kind!r}, the fine-tuned one of type {like.config.model_type!r}. "
            "Pass the checkpoint that fine-tuning started from.",
        )
    is_auto = model_class.__name__.startswith("AutoModel")
    # What the checkpoint lacks is drawn, and then left out.
    with _one_clear_error(source, name), quiet_loading(), isolated_rng(0):
        model, info = model_class.from_pretrained(
            source,
            **({"trust_remote_code": trust_remote_code} if is_auto else {}),
            dtype=torch.float32,  # a checkpoint in half precision is compared with what was trained from it in full
            output_loading_info=True,
        )
    end = end_of_module(model, name, source)
    return _without(end, set(info["missing_keys"]))


@contextmanager
def _one_clear_error(source: str, name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, ImportError, SafetensorError) as error:
        require_trust(source, error)
        raise InputError(
            name,
            f"{source!r} is neither a readable checkpoint folder nor a Hub model within reach ({first_line(error)}).",
        ) from error


def _class_for(source: str, like: nn.Module | None, trust_remote_code: bool) -> tuple[Any, str]:
    """Return the class to load a folder or Hub id with, and what type of model it says to be."""
    import transformers

    if isinstance(like, PreTrainedModel):  # whose code is here: that of the checkpoint need not run
        content, _ = PreTrainedConfig.get_config_dict(source)
        return type(like), content.get("model_type", like.config.model_type)
    config = transformers.AutoConfig.from_pretrained(source, trust_remote_code=trust_remote_code)
    architecture = (own_auto_class(config) if trust_remote_code else None) or (config.architectures or [""])[0]
    return getattr(transformers, architecture, transformers.AutoModel), config.model_type


def _without(end: End, names: set[str]) -> End:
    return End(
        end.label,
        {key: value for key, value in end.parameters.items() if key not in names},
        {key: value for key, value in end.buffers.items() if key not in names},
        end.module,
    )
