"""From decoded images or texts to what a backbone is called with."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from hf_metalr.data.images import to_channels
from hf_metalr.data.prepare import prepare_for
from hf_metalr.errors import InputError

Inputs = Mapping[str, Any] | Tensor
Prepare = Callable[[list[Any]], Inputs]


def prepare_with(processor: Any, config: Any, name: str) -> tuple[Prepare, str | None]:
    """Return the function for a batch, and what tells the processor from others.

    Args:
        processor: an image processor or tokenizer of Transformers, or any function from a list of RGB images or of
            texts to a tensor or a mapping of keyword arguments.
        config: of the model; None where it has none.
        name: of the model, for messages.
    """
    from transformers import BaseImageProcessor, PreTrainedTokenizerBase

    if isinstance(processor, BaseImageProcessor):
        return prepare_for(processor, config).batch, json.dumps(processor.to_dict(), sort_keys=True, default=str)
    if isinstance(processor, PreTrainedTokenizerBase):
        if processor.pad_token is None:
            raise InputError(
                "models",
                f"need a tokenizer with a padding token, but that of {name!r} has no padding token, so texts of "
                "different lengths make no batch. Set one and pass (module, tokenizer): "
                "tokenizer.pad_token = tokenizer.eos_token.",
            )
        return prepare_for(processor, config).batch, _tokenizer_key(processor)
    if not callable(processor):
        raise InputError(
            "models",
            f"{name!r}: its processor must be an image processor, a tokenizer or a function, found "
            f"{type(processor).__name__}.",
        )

    def prepare(batch: list[Any]) -> Inputs:
        inputs = processor([value if isinstance(value, str) else to_channels(value, 3) for value in batch])
        if not isinstance(inputs, Tensor | Mapping):
            raise InputError(
                "models",
                f"the processor of {name!r} must return a tensor or a mapping of tensors, found "
                f"{type(inputs).__name__}.",
            )
        return inputs

    return prepare, None


def _tokenizer_key(tokenizer: Any) -> str:
    vocabulary = json.dumps(sorted(tokenizer.get_vocab().items())).encode()
    return f"{tokenizer!r} {hashlib.sha256(vocabulary).hexdigest()}"
