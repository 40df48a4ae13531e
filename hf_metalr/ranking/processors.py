"""From images or texts to what a model is called with."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

Inputs = Mapping[str, Any] | Tensor
Prepare = Callable[[list[Any]], Inputs]
# Tokenizers without a limit of their own name a number beyond all texts.
_LONGEST_TEXT = 512


def prepare_with(processor: Any, name: str) -> tuple[Prepare, str | None]:
    """Return the function for a batch, and what tells the processor from others.

    Args:
        processor: an image processor or tokenizer of Transformers, or any function from a list of RGB images or of
            texts to a tensor or a mapping of keyword arguments.
        name: of the model, for messages.
    """
    from transformers import BaseImageProcessor, PreTrainedTokenizerBase

    if isinstance(processor, BaseImageProcessor):
        settings = json.dumps(processor.to_dict(), sort_keys=True, default=str)
        return lambda images: dict(processor(images=images, return_tensors="pt")), settings
    if isinstance(processor, PreTrainedTokenizerBase):
        return _tokenizing(processor, name), _tokenizer_key(processor)
    if not callable(processor):
        raise ValueError(
            f"The processor of {name!r} must be an image processor, a tokenizer or a function, found "
            f"{type(processor).__name__}."
        )

    def prepare(batch: list[Any]) -> Inputs:
        inputs = processor(batch)
        if not isinstance(inputs, Tensor | Mapping):
            raise ValueError(
                f"The processor of {name!r} must return a tensor or a mapping of tensors, found "
                f"{type(inputs).__name__}."
            )
        return inputs

    return prepare, None


def _tokenizing(tokenizer: Any, name: str) -> Prepare:
    if tokenizer.pad_token is None:
        raise ValueError(
            f"The tokenizer of {name!r} has no padding token, so texts of different lengths make no batch. Set one "
            "and pass (module, tokenizer): tokenizer.pad_token = tokenizer.eos_token."
        )
    longest = min(tokenizer.model_max_length, _LONGEST_TEXT)
    return lambda texts: dict(tokenizer(texts, padding=True, truncation=True, max_length=longest, return_tensors="pt"))


def _tokenizer_key(tokenizer: Any) -> str:
    vocabulary = json.dumps(sorted(tokenizer.get_vocab().items())).encode()
    return f"{tokenizer!r} {hashlib.sha256(vocabulary).hexdigest()}"
