"""Fields of a model's configuration that the user sets: known, his to set, and of some effect.

A field is without effect where neither building the model nor a forward pass reads it. To know that, both are done once
with a configuration that notes what is asked of it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from hf_metalr.errors import InputError, Parameter

_NAME = "model_settings"
_TASKS_OWN = {
    "id2label": "the names of the classes",
    "label2id": "the names of the classes",
    "num_labels": "the number of classes",
    "problem_type": "the task",
}
# What models raise that are built without data, or called in a way that they do not expect.
_OF_ANY_MODEL = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
_NO_PART_OF_THE_NETWORK = {
    "architectures",
    "auto_map",
    "dtype",
    "model_type",
    "name_or_path",
    "torch_dtype",
    "transformers_version",
}


def set_fields(config: Any, settings: Mapping[str, Any], source: str) -> None:
    """Set fields of a configuration.

    Raises:
        InputError: it has no such field, or the field is set otherwise.
    """
    for name, value in settings.items():
        if name == "image_size":
            raise InputError(
                _NAME,
                "cannot set 'image_size', which would change the model alone and not its processor. Use ",
                Parameter("image_size"),
                ", which sets both.",
            )
        if name in _TASKS_OWN:
            raise InputError(_NAME, f"cannot set {name!r}: it follows from {_TASKS_OWN[name]}. Leave it out.")
        if not hasattr(config, name):
            raise InputError(
                _NAME,
                f"names no field of the configuration of '{source}': it has no {name!r}. It has: "
                f"{', '.join(sorted(config.to_dict()))}.",
            )
        if name in _NO_PART_OF_THE_NETWORK or name.startswith("_"):
            raise InputError(_NAME, f"cannot set {name!r}, which says nothing of the network. Leave it out.")
        if hasattr(getattr(config, name), "to_dict"):
            raise InputError(_NAME, f"cannot set {name!r}, which is a configuration of its own with many fields.")
        setattr(config, name, value)


def require_effect(model: Any, before: Any, settings: Mapping[str, Any], trial: Callable[[nn.Module], Any]) -> None:
    """Raise an InputError for a field that the model provably does not use.

    Args:
        model: loaded with the settings.
        before: its configuration without them; a field that is set to what it was is no mistake.
        settings: the fields.
        trial: calls the model with some input, in training, as a fine-tune does. Where that fails, nothing is proved.
    """
    changed = [name for name, value in settings.items() if getattr(before, name, None) != value]
    if not changed:
        return
    asked: set[str] = set()
    try:
        with torch.device("meta"), _noting(config := deepcopy(model.config), asked):
            skeleton = type(model)(config)
            skeleton.apply(skeleton._init_weights)
        with _noting(model.config, asked):
            trial(model)
    except _OF_ANY_MODEL:
        return
    for name in changed:
        if name not in asked:
            raise InputError(
                _NAME,
                f"sets {name!r}, but {type(model).__name__} never reads it: it would change nothing. Leave it out.",
            )


@contextmanager
def _noting(config: Any, asked: set[str]) -> Iterator[None]:
    """Note which attributes of a configuration are read."""
    kind = type(config)

    class Noting(kind):  # type: ignore[misc, valid-type]
        def __getattribute__(self, name: str) -> Any:
            asked.add(name)
            return super().__getattribute__(name)

    Noting.__name__ = kind.__name__
    config.__class__ = Noting
    try:
        yield
    finally:
        config.__class__ = kind
