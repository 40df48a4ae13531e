"""What every place that loads a pre-trained model does: read its configuration, quietly, with errors of one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hf_metalr.checked_json import read_object

_MOST_BYTES = 2**20  # of an adapter's configuration, which has about a thousand


def read_config(source: str, trust_remote_code: bool, subject: str = "The model") -> Any:
    """Return the configuration of a model of the Hub or a folder.

    Args:
        source: Hub id or folder.
        trust_remote_code: whether code of a Hub model may run.
        subject: how the error begins, before the source.

    Raises:
        ValueError: there is no such model, or it is an adapter, which is no model by itself.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(source, trust_remote_code=trust_remote_code)
    except (OSError, ValueError) as error:
        base = _base_of_adapter(source)
        if base is not None:
            raise ValueError(
                f"{subject} '{source}' is a PEFT adapter for {base}, no model by itself. Use that model, or merge the "
                "two and save them: `AutoPeftModel.from_pretrained(...).merge_and_unload().save_pretrained(folder)`."
            ) from error
        raise ValueError(
            f"{subject} '{source}' is neither a folder with a model nor a Hub model within reach ({first_line(error)})"
        ) from error


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
