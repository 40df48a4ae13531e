"""What every place that loads a pre-trained model does: read its configuration, quietly, with errors of one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hf_metalr.checked_json import read_object
from hf_metalr.errors import InputError

_MOST_BYTES = 2**20  # of an adapter's configuration, which has about a thousand


def read_config(source: str, trust_remote_code: bool, subject: str = "The model") -> Any:
    """Return the configuration of a model of the Hub or a folder.

    Args:
        source: Hub id or folder.
        trust_remote_code: whether code of a Hub model may run.
        subject: how the error begins, before the source.

    Raises:
        InputError: its own code is not trusted.
        InputError: there is no such model, or it is an adapter, which is no model by itself.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(source, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, ImportError) as error:
        require_trust(source, error)
        base = _base_of_adapter(source)
        if base is not None:
            raise InputError(
                None,
                f"{subject} '{source}' is a PEFT adapter for {base}, no model by itself. Use that model, or merge the "
                "two and save them: `AutoPeftModel.from_pretrained(...).merge_and_unload().save_pretrained(folder)`.",
            ) from error
        raise InputError(
            None,
            f"{subject} '{source}' is neither a folder with a model nor a Hub model within reach ({first_line(error)})",
        ) from error


def require_trust(source: str, error: BaseException) -> None:
    """Raise an InputError that names ``trust_remote_code`` if an error of Transformers is about code of a model's own.

    Args:
        source: Hub id or folder of what was to be loaded: a model, an image processor or a tokenizer.
        error: what loading it ended in.
    """
    if "trust_remote_code=True" in str(error):
        raise InputError(
            "trust_remote_code",
            f"must be on to load '{source}', which comes with Python code of its own that would run on this machine. "
            "Read that code, and switch it on if you trust it, or use another model.",
        ) from error


def own_auto_class(config: Any) -> str | None:
    """Return the auto class that a configuration names for code of its own, such as "AutoModelForImageClassification".

    The one for the class that was saved (`architectures`), else `AutoModel`, else the first. None without such code.
    """
    named = {auto: str(place) for auto, place in own_code(config).items() if auto.startswith("AutoModel")}
    saved = config.architectures or []
    fitting = [auto for auto, place in named.items() if place.split(".")[-1] in saved]
    return next(iter([*fitting, *(auto for auto in named if auto == "AutoModel"), *named]), None)


def own_code(config: Any) -> dict[str, Any]:
    """Return where a configuration says that a model's own code is, by auto class; nothing for ordinary models."""
    return dict(getattr(config, "auto_map", None) or {})


def unloaded_model(config: Any, trust_remote_code: bool) -> Any:
    """Return the model of a configuration without memory for its weights, to be asked for its layers and settings."""
    import torch
    import transformers

    auto = getattr(transformers, own_auto_class(config) or "AutoModel")
    with torch.device("meta"), quiet_loading():
        return auto.from_config(config, trust_remote_code=trust_remote_code)


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Silence Transformers' report of what is new: the caller checks it, and its advice to train it would mislead."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return str(error).strip().split("\n")[0]


def _base_of_adapter(source: str) -> str | None:
    """Return in words which model an adapter was made for; None of anything but an adapter."""
    from transformers.utils.peft_utils import find_adapter_config_file

    try:
        file = find_adapter_config_file(source)
        if file is None:
            return None
        base = read_object(file, _MOST_BYTES, "adapter").get("base_model_name_or_path")
    except (OSError, ValueError):
        return None
    return repr(str(base)[:200]) if base else "another model"
