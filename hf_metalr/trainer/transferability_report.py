"""The transferability profile of what a trainer has just fine-tuned (`report_transferability`)."""

from collections.abc import Sized
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from transformers import Trainer
from transformers.utils import logging

from hf_metalr.errors import InputError
from hf_metalr.trainer.arguments import MetaLRTrainingArguments
from hf_metalr.transferability import TransferabilityProfile, transferability_profile
from hf_metalr.transferability.ends import end_of_module
from hf_metalr.transferability.random_end import require_initialiser
from hf_metalr.transferability.storage import PROFILE_NAME

logger = logging.get_logger(__name__)

# At type-checking time the mixin is a Trainer; at run time the parent is whatever trainer it is mixed into.
if TYPE_CHECKING:
    _Base = Trainer
else:
    _Base = object


class TransferabilityReport(_Base):
    """Mixes the report into a trainer. The pre-trained values are one copy of the parameters in the CPU's memory.

    They are those of the model as given to the constructor (or made by ``model_init``), not those that a resumed
    checkpoint holds, so that the profile of a resumed run is that of the straight one.

    Attributes:
        transferability_profile: after training, on the main process; None before and on all others.
    """

    args: MetaLRTrainingArguments

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.transferability_profile: TransferabilityProfile | None = None
        self._pretrained: dict[str, Tensor] | None = None
        super().__init__(*args, **kwargs)
        if getattr(self.args, "report_transferability", False):  # other arguments are refused by the mixin
            assert self.model is not None
            require_reportable(self, self.model)
            self._pretrained = _values(self.model)

    def call_model_init(self, trial: Any = None) -> nn.Module:
        """Make the model as the parent does; it is where the next fine-tune starts."""
        model = super().call_model_init(trial)
        if self._pretrained is not None:
            self._pretrained = _values(model)
        return model

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train as the parent does, then measure how far the pre-trained parameters carried."""
        output = super().train(*args, **kwargs)
        if self._pretrained is not None and self.is_world_process_zero():
            self.transferability_profile = _measure(self, self._pretrained)
            folder = Path(self._get_output_dir(getattr(self, "_trial", None)))
            folder.mkdir(parents=True, exist_ok=True)
            self.transferability_profile.save(folder / PROFILE_NAME)
            logger.info(self.transferability_profile.summary())
        return output


def _values(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach().to("cpu", copy=True) for name, parameter in model.named_parameters()}


def require_reportable(trainer: Trainer, model: nn.Module) -> None:
    """Raise an InputError before training where the report could not be made after it."""
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled or getattr(model, "_tp_size", None):
        raise InputError(
            "report_transferability",
            "needs whole parameters, and these are sharded over processes. Leave it out, save the model before and "
            "after training, and call `hf_metalr.transferability_profile` on the two folders.",
        )
    end_of_module(model, "model", "")  # refuses adapters and sharded tensors
    require_initialiser(model)


def _measure(trainer: Any, pretrained: dict[str, Tensor]) -> TransferabilityProfile:
    args: MetaLRTrainingArguments = trainer.args
    best = trainer.state.best_global_step if args.load_best_model_at_end else None
    batch = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
    profile = transferability_profile(
        trainer.model,
        pretrained,
        layer_groups=args.layer_groups or "block",
        samples=len(trainer.train_dataset) if isinstance(trainer.train_dataset, Sized) else None,
        steps=best or trainer.state.global_step,  # those that the measured weights have taken
        learning_rate=args.learning_rate,
        recipe=(
            f"{getattr(args.optim, 'value', args.optim)}, {getattr(args.lr_scheduler_type, 'value', None)} schedule, "
            f"batch {batch}, weight decay {args.weight_decay:g}, meta_estimator {args.meta_estimator}"
        ),
        seed=args.seed,
    )
    return replace(profile, pretrained="the model as given to the trainer")
