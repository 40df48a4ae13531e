"""From decoded images or texts to what a backbone is called with."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from hf_metalr.data.images.decode import to_channels
from hf_metalr.data.inputs.prepare import TextPreparation, prepare_for
from hf_metalr.errors import InputError

Inputs = Mapping[str, Any] | Tensor
Prepare = Callable[[list[Any]], Inputs]
CountCut = Callable[[list[str]], int]


@dataclass(frozen=True)
class Processing:
    """A processor that was checked before any weights are read.

    Attributes:
        processor: an image processor or tokenizer of Transformers, or any function from a list of RGB images or of
            texts to a tensor or a mapping of keyword arguments.
        name: of the model, for messages.
        key: what tells the processor from others; None for a function, which nothing tells.

    Raises:
        InputError: it is none of these, or a tokenizer that cannot pad.
    """

    processor: Any
    name: str
    key: str | None

    @classmethod
    def of(cls, processor: Any, name: str) -> "Processing":
        """Check a processor."""
        from transformers import BaseImageProcessor, PreTrainedTokenizerBase

        if isinstance(processor, BaseImageProcessor):
            return cls(processor, name, json.dumps(processor.to_dict(), sort_keys=True, default=str))
        if isinstance(processor, PreTrainedTokenizerBase):
            if processor.pad_token is None:
                raise InputError(
                    "models",
                    f"must have tokenizers that can pad, but that of {name!r} has no padding token, so texts of "
                    "different lengths make no batch. Set one and pass (module, tokenizer): "
                    "tokenizer.pad_token = tokenizer.eos_token.",
                )
            return cls(processor, name, _tokenizer_key(processor))
        if not callable(processor):
            raise InputError(
                "models",
                f"must come with processors: that of {name!r} must be an image processor, a tokenizer or a function, "
                f"found {type(processor).__name__}.",
            )
        return cls(processor, name, None)

    def prepare(self, model: nn.Module) -> tuple[Prepare, CountCut | None]:
        """Return the function from a batch of decoded images or texts to a model's inputs.

        And, of a tokenizer, the function that tells how many texts are longer than the model takes.
        """
        if self.key is None:
            return self._call, None
        preparation = prepare_for(self.processor, model)
        return preparation.batch, preparation.count_cut if isinstance(preparation, TextPreparation) else None

    def _call(self, batch: list[Any]) -> Inputs:
        inputs = self.processor([value if isinstance(value, str) else to_channels(value, 3) for value in batch])
        if not isinstance(inputs, Tensor | Mapping):
            raise InputError(
                "models",
                f"must come with processors: the processor of {self.name!r} must return a tensor or a mapping of "
                f"tensors, found {type(inputs).__name__}.",
            )
        return inputs


def _tokenizer_key(tokenizer: Any) -> str:
    vocabulary = json.dumps(sorted(tokenizer.get_vocab().items())).encode()
    return f"{tokenizer!r} {hashlib.sha256(vocabulary).hexdigest()}"
