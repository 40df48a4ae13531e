"""Models on the Hub or in a folder: what they take, their processor, their weights."""

import os
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from hf_metalr.data.labels.tasks import Modality
from hf_metalr.engine.no_trace import isolated_rng, mixed_seed
from hf_metalr.errors import InputError
from hf_metalr.layer_groups import make_layer_groups
from hf_metalr.loading import first_line, own_auto_class, own_code, quiet_loading, read_config, require_trust

_MODALITY = {"pixel_values": "image", "input_ids": "text"}
_TOWER = {"image": "vision", "text": "text"}
_CLASSIFIER = {"image": "ForImageClassification", "text": "ForSequenceClassification"}
# Mixed into the seed, so that a twin never is the very initialisation of a model that was drawn from the same seed.
_TWIN = 1
# What a checkpoint may lack: features do not depend on it.
_UNUSED = ("pooler", "mask_token", "position_ids")


@dataclass(frozen=True)
class Checkpoint:
    """A model whose configuration and processor were found. source: Hub id or folder."""

    name: str
    source: str
    modality: Modality
    config: Any
    processor: Any
    trust_remote_code: bool

    @classmethod
    def find(
        cls, name: str, source: str | os.PathLike[str], modality: Modality, trust_remote_code: bool
    ) -> "Checkpoint":
        """Read the configuration and the processor.

        Raises:
            InputError: there is no such model, it takes other inputs, or it has no processor.
        """
        place = os.fspath(source)
        config = read_config(place, trust_remote_code, "`models`:")
        found = _modality(config, modality)
        if found != modality:
            raise InputError(
                "models",
                f"{place!r} ({config.model_type}) takes {found}s, but the data set holds {modality}s. Choose "
                f"a model for {modality}s, or another `input_column`.",
            )
        processor = _processor(place, modality, trust_remote_code)
        return cls(name, place, modality, config, processor, trust_remote_code)

    def load(self, dtype: torch.dtype) -> tuple[nn.Module, bool]:
        """Return the model and whether it has a trained head for other classes.

        Raises:
            InputError: the weights cannot be read, or lack a part of the backbone, which would be random.
        """
        with quiet_loading():
            try:
                model, info = self._auto_class().from_pretrained(
                    self.source, dtype=dtype, trust_remote_code=self.trust_remote_code, output_loading_info=True
                )
            except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
                require_trust(self.source, error)
                raise InputError(
                    "models", f"the weights of {self.source!r} cannot be read ({first_line(error)})"
                ) from error
        missing = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
        head = {name for group in make_layer_groups(model) if group.is_head for name in group.parameter_names}
        lost = [name for name in missing - head if not any(word in name for word in _UNUSED)]
        if lost:
            raise InputError(
                "models",
                f"{self.source!r} lacks {len(lost)} tensors of its backbone, such as {min(lost)!r}; they "
                "would be ranked with random values. Save the model anew with save_pretrained.",
            )
        return self._tower(model), self._is_classifier() and not missing & head

    def draw(self, dtype: torch.dtype, seed: int) -> nn.Module:
        """Return a randomly initialised model of this configuration."""
        with isolated_rng(mixed_seed(seed, _TWIN)), quiet_loading():
            model = self._auto_class().from_config(self.config, trust_remote_code=self.trust_remote_code)
        return self._tower(model.to(dtype))

    def _is_classifier(self) -> bool:
        architecture = (self.config.architectures or [""])[0]
        is_single_label = self.config.problem_type in (None, "single_label_classification")
        return architecture.endswith(_CLASSIFIER[self.modality]) and self.config.num_labels > 1 and is_single_label

    def _auto_class(self) -> Any:
        import transformers

        wanted = f"AutoModel{_CLASSIFIER[self.modality]}" if self._is_classifier() else "AutoModel"
        if self.trust_remote_code and own_code(self.config) and wanted not in own_code(self.config):
            wanted = own_auto_class(self.config) or wanted
        return getattr(transformers, wanted)

    def _tower(self, model: nn.Module) -> nn.Module:
        """Of a model of images and texts, such as CLIP, the part that takes this modality."""
        takes = _MODALITY.get(getattr(model, "main_input_name", ""))
        tower = getattr(model, f"{_TOWER[self.modality]}_model", None)
        if isinstance(tower, nn.Module) and (takes != self.modality or not self._is_classifier()):
            return tower
        if takes != self.modality:
            raise InputError("models", f"{self.source!r} has no part that takes {self.modality}s alone.")
        return model


def _modality(config: Any, wanted: Modality) -> str:
    """What a model of this configuration takes; code from the Hub is asked only when it is loaded."""
    from transformers import MODEL_MAPPING

    if getattr(config, f"{_TOWER[wanted]}_config", None) is not None:
        return wanted
    if type(config) not in MODEL_MAPPING:
        return wanted
    known: Any = MODEL_MAPPING[type(config)]
    taken = (known[0] if isinstance(known, tuple) else known).main_input_name
    return _MODALITY.get(taken, taken.removesuffix("s"))


def _processor(place: str, modality: Modality, trust_remote_code: bool) -> Any:
    from transformers import AutoImageProcessor, AutoTokenizer

    kind, auto = ("image processor", AutoImageProcessor) if modality == "image" else ("tokenizer", AutoTokenizer)
    try:
        processor = auto.from_pretrained(place, trust_remote_code=trust_remote_code)
        if modality == "text" and len(processor) <= len(processor.all_special_tokens):
            # Without its files Transformers makes a tokenizer that knows special tokens alone.
            raise InputError(None, "its vocabulary is empty")
        return processor
    except (OSError, ValueError, ImportError) as error:
        require_trust(place, error)
        raise InputError(
            "models",
            f"{place!r} has no {kind} ({first_line(error)}). Features of wrongly prepared {modality}s would "
            f"mislead, so none is assumed: save that of the model it was trained from beside it, as in "
            f"{auto.__name__}.from_pretrained(base_model).save_pretrained({place!r}).",
        ) from error
