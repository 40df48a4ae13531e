"""From decoded inputs to what a model is called with: one way for training, ranking and transferability."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from hf_metalr.data.images.decode import to_channels
from hf_metalr.data.inputs.batches import collate
from hf_metalr.data.inputs.text_length import longest_text
from hf_metalr.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

logger = logging.getLogger(__name__)

Sample = dict[str, Any]
_COUNTED_AT_ONCE = 1000  # texts, when those that are cut are counted


@dataclass(frozen=True)
class ImagePreparation:
    """From an image, and the class map of a segmentation, to the model's inputs.

    Size, mean and spread are those of the processor; the class map takes the same geometry, to the nearest pixel.

    Attributes:
        processor: an image processor of Transformers.
        channels: of the model's input (`input_channels`); 1 gives grey images, anything else RGB.
    """

    processor: Any
    channels: int = 3

    def __call__(self, image: "Image", classes: Any = None) -> Sample:
        """Return the tensors of one image without a batch dimension.

        Args:
            image: as `images.decode` returns it.
            classes: (height, width), class numbers of a segmentation.
        """
        options: dict[str, Any] = {} if classes is None else {"segmentation_maps": np.asarray(classes)}
        if self.channels == 1 and getattr(self.processor, "do_convert_rgb", False):
            options["do_convert_rgb"] = False
        inputs = self.processor(to_channels(image, self.channels), **options, return_tensors="pt")
        return {name: value[0] for name, value in inputs.items()}

    def batch(self, images: "Sequence[Image]") -> dict[str, Tensor]:
        """Return the same tensors, stacked.

        Raises:
            InputError: the processor leaves images of different sizes.
        """
        return collate([self(image) for image in images])


def input_channels(config: Any) -> int:
    """Return how many channels a model's images have, by its configuration; 3 where it does not say."""
    for part in (config, *(getattr(config, name, None) for name in ("backbone_config", "vision_config"))):
        found = getattr(part, "num_channels", None)
        if isinstance(found, int):
            return found
    size = (getattr(config, "pretrained_cfg", None) or {}).get("input_size")  # of timm
    return int(size[0]) if size else 3


@dataclass(frozen=True)
class TextPreparation:
    """From a text, or a pair of texts, to token numbers, cut to what tokenizer and model can take.

    Of a pair the longer text is cut first.

    Attributes:
        tokenizer: of Transformers.
        longest: in tokens, special ones included; see `text_length.longest_text`.
    """

    tokenizer: Any
    longest: int

    def __call__(self, text: str, second: str | None = None) -> Sample:
        """Return the lists of numbers of one text or pair."""
        return dict(self.tokenizer(text, second, truncation=True, max_length=self.longest))

    def batch(self, texts: Sequence[str], second: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Return the same numbers as tensors, padded to the longest of the batch.

        Raises:
            InputError: the tokenizer has no padding token.
        """
        require_padding(self.tokenizer)
        pair = None if second is None else list(second)
        options = {"padding": True, "truncation": True, "max_length": self.longest, "return_tensors": "pt"}
        return dict(self.tokenizer(list(texts), pair, **options))

    def count_cut(self, texts: Sequence[str], second: Sequence[str] | None = None) -> int:
        """Return how many texts (pairs) are longer than the longest, and are cut; tell it where there are any."""
        cut = 0
        for start in range(0, len(texts), _COUNTED_AT_ONCE):
            part = slice(start, start + _COUNTED_AT_ONCE)
            pair = None if second is None else list(second[part])
            # Not verbose: the tokenizer would warn of the very texts that are counted.
            numbers = self.tokenizer(list(texts[part]), pair, truncation=False, verbose=False)["input_ids"]
            cut += sum(len(row) > self.longest for row in numbers)
        if cut:
            kind = "pairs of texts" if second is not None else "texts"
            logger.info("%d of %d %s are longer than %d tokens and are cut", cut, len(texts), kind, self.longest)
        return cut


def require_padding(tokenizer: Any) -> None:
    """Raise an InputError unless the tokenizer can pad texts to one length."""
    if tokenizer.pad_token is None:
        raise InputError(
            None,
            "The tokenizer has no padding token, so texts of different lengths make no batch. Set one: "
            "tokenizer.pad_token = tokenizer.eos_token.",
        )


def prepare_for(processor: Any, model: Any) -> ImagePreparation | TextPreparation:
    """Return what prepares inputs for a model, with its own processor.

    Args:
        processor: an image processor or a tokenizer of Transformers.
        model: of Transformers, or any module; its weights are not looked at.
    """
    from transformers import PreTrainedTokenizerBase

    if isinstance(processor, PreTrainedTokenizerBase):
        return TextPreparation(processor, longest_text(processor, model))
    return ImagePreparation(processor, input_channels(getattr(model, "config", None)))
