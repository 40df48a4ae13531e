"""Two faults of Transformers that would make our users' results wrong, mended from outside.

Both are gated by version and by the symptom itself, so they fall silent where upstream is right.

1. `complete_reload`: ``_load_from_checkpoint`` and ``_load_best_model`` load raw files with ``strict=False``, while
   ViT-like models save under Hub names that differ from their module names: most weights are lost with a log line as
   the only sign.
   Upstream: transformers issues 48805 and 43701, pull request 49022. Delete when the oldest supported Transformers
   loads what it saved.
2. `loss_heeds_item_count`: a model whose forward takes ``**kwargs`` is believed to divide its loss by
   ``num_items_in_batch``; where the loss ignores it (multi-label, regression, segmentation, many image classifiers),
   the gradient is multiplied by accumulation steps × world size. Delete when the Trainer no longer guesses from a
   signature.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers
from packaging.version import Version
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn
from transformers import PreTrainedModel, Trainer
from transformers.core_model_loading import revert_weight_conversion

from hf_metalr.engine.no_trace import isolated_rng, kept_buffers
from hf_metalr.errors import InputError

AFFECTED = Version(transformers.__version__) < Version("6")


# At type-checking time the mixin is a Trainer; at run time the parent is whatever trainer it is mixed into.
if TYPE_CHECKING:
    _Base = Trainer
else:
    _Base = object


class UpstreamFixes(_Base):
    """Mixes both mends into a trainer."""

    _item_count_settled = False

    def _get_num_items_in_batch(self, batch_samples: list, device: torch.device) -> Any:
        if not self._item_count_settled:
            self._check_item_count(batch_samples[0] if batch_samples else {})
        return super()._get_num_items_in_batch(batch_samples, device)

    def _check_item_count(self, batch: Any) -> None:
        """Have the loss averaged by the trainer where the model takes ``num_items_in_batch`` and ignores it.

        Asks again at the next optimizer step where no process could tell; all processes take the same verdict.
        """
        parts = self.args.gradient_accumulation_steps * self.args.world_size * max(self.args.n_gpu, 1)
        # A subclass's own compute_loss may use the count where the model does not; it is left as it is.
        stock = type(self).compute_loss is Trainer.compute_loss
        computed_by_model = stock and self.compute_loss_func is None and self.label_smoother is None
        if not (AFFECTED and self.model_accepts_loss_kwargs and computed_by_model and parts > 1):
            self._item_count_settled = True
            return
        heeds = None
        if "labels" in batch:  # else the stock count is None, and the trainer averages the loss anyway
            assert self.model is not None
            heeds = loss_heeds_item_count(self.model, self._prepare_inputs(batch))
        verdict = torch.tensor([0 if heeds is None else 1 + heeds], device=self.args.device)
        agreed = int(self.accelerator.gather(verdict).max())  # a count that one process sees at work is at work
        self._item_count_settled = agreed > 0
        if agreed == 1:
            self.model_accepts_loss_kwargs = False

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        self._complete_reload(resume_from_checkpoint)

    def _load_best_model(self) -> None:
        super()._load_best_model()
        assert self.state.best_model_checkpoint is not None
        self._complete_reload(self.state.best_model_checkpoint)

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        if not AFFECTED:  # else `complete_reload` follows, and raises where weights are really missing
            super()._issue_warnings_after_load(load_result)

    def _complete_reload(self, checkpoint: str) -> None:
        if not self.is_fsdp_enabled and not self.is_deepspeed_enabled:  # they gather and scatter weights on their own
            assert self.model is not None
            complete_reload(self.model, checkpoint)


def complete_reload(model: nn.Module, checkpoint: str | Path) -> None:
    """Load what the stock reload of a checkpoint left out; do nothing where it left nothing out.

    The weights go into the model as it is, so a replaced head or a class with arguments of its own does no harm.

    Raises:
        InputError: the checkpoint lacks weights of the model.
    """
    files = sorted(Path(checkpoint).glob("model*.safetensors"))  # none for adapters and sharded engines
    if not AFFECTED or not files:
        return
    missing = _missing_names(model, _saved_names(files))
    if not missing:
        return
    if not isinstance(model, PreTrainedModel):
        raise InputError(None, _missing_message(checkpoint, missing))
    saved: dict[str, torch.Tensor] = {}
    for file in files:
        saved |= load_file(file)
    state, missing = _under_own_names(model, saved)
    if missing:
        raise InputError(None, _missing_message(checkpoint, missing))
    model.load_state_dict(state, strict=True)


def _under_own_names(model: PreTrainedModel, saved: dict[str, torch.Tensor]) -> tuple[dict[str, Any], list[str]]:
    """Return the model's state with the saved values, and the names of those that were not saved in full.

    Transformers writes names and layouts that are not the model's own. To learn where every element goes, its own
    conversion for saving is run on tensors of running numbers (8 bytes per element, on the CPU).
    """
    own = _tensors(model)
    homes = {name: (value.data_ptr(), value.shape) for name, value in own.items()}  # tied weights share one
    names = list({home: name for name, home in homes.items()}.values())
    values = [torch.empty(own[name].shape, dtype=own[name].dtype) for name in names]
    sizes = torch.tensor([value.numel() for value in values])
    starts = sizes.cumsum(0) - sizes
    numbers = {
        homes[name]: torch.arange(start, start + value.numel()).view(value.shape)
        for name, value, start in zip(names, values, starts.tolist(), strict=True)
    }
    found = torch.zeros(int(sizes.sum()), dtype=torch.bool)
    for name, places in revert_weight_conversion(model, {name: numbers[homes[name]] for name in own}).items():
        if name not in saved or saved[name].shape != places.shape:
            continue
        places, elements = places.flatten(), saved[name].flatten()
        owners = torch.bucketize(places, starts, right=True) - 1
        for owner in owners.unique().tolist():
            mine = owners == owner
            values[owner].view(-1)[places[mine] - starts[owner]] = elements[mine].to(values[owner].dtype)
        found[places] = True
    missing = [name for name, part in zip(names, found.split(sizes.tolist()), strict=True) if not part.all()]
    filled = {homes[name]: value for name, value in zip(names, values, strict=True)}
    return model.state_dict() | {name: filled[home] for name, home in homes.items()}, missing


def loss_heeds_item_count(model: nn.Module, inputs: Mapping[str, Any]) -> bool | None:
    """Return whether the model's loss really is divided by ``num_items_in_batch``, by asking it twice.

    None where this batch cannot tell: its loss is 0 or not finite, as where every label is masked.
    Costs two forwards without gradients; leaves no trace in random streams, buffers or modes.
    """
    losses = []
    with torch.no_grad(), kept_buffers(model):
        for count in (1, 2):
            with isolated_rng(0):
                outputs = model(**inputs, num_items_in_batch=torch.tensor(count, device=_device_of(model)))
            losses.append(float((outputs["loss"] if isinstance(outputs, Mapping) else outputs[0]).mean()))
    if not all(math.isfinite(loss) and loss != 0 for loss in losses):
        return None
    return not math.isclose(*losses, rel_tol=0.01)  # halved where it is heeded; kernels may differ in the last digits


def _saved_names(files: list[Path]) -> set[str]:
    names: set[str] = set()
    for file in files:
        with safe_open(file, framework="pt") as content:
            names.update(content.keys())
    return names


def _missing_names(model: nn.Module, saved: set[str]) -> list[str]:
    # A tensor that shares its memory with a saved one (tied embeddings) is not missing.
    state = _tensors(model)
    memory = {state[name].data_ptr() for name in saved & state.keys()}
    return [name for name, value in state.items() if name not in saved and value.data_ptr() not in memory]


def _tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}


def _missing_message(checkpoint: str | Path, missing: list[str]) -> str:
    shown = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
    return (
        f"The checkpoint {str(checkpoint)!r} does not fit the model: {len(missing)} of its tensors are missing or "
        f"have another shape ({shown}). Reload it into the model that it was saved from."
    )


def _device_of(model: nn.Module) -> torch.device:
    return next(model.parameters()).device
