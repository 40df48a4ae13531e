"""`MetaLRTrainingArguments`: the arguments of `TrainingArguments` and a few more."""

import math
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Literal, Self

from transformers import TrainingArguments

from hf_metalr.engine.config import MetaLRConfig, require_choice
from hf_metalr.engine.unstated import TRANSFORMERS_DEFAULT, UNSTATED, UnstatedRate
from hf_metalr.errors import InputError, Parameter
from hf_metalr.options.learned_rates import LearnedRateOptions
from hf_metalr.trainer.parallelism import DEEPSPEED_REFUSED
from hf_metalr.trainer.secret import Secret

_ESTIMATORS = ("lookahead", "next_batch", "off")

_NUMBERS: dict[str, Any] = {
    "hyper_lr": Real,
    "hyper_lr_decay": Real,
    "common_share": Real,
    "upward_drift": Real,
    "meta_horizon": Integral,
    "meta_every": Integral,
    "meta_batch_size": Integral,
    "min_lr": Real,
    "max_lr": Real,
    "max_lr_change": Real,
    "backbone_lr_scale": Real,
    "head_hold_steps": Integral,
    "head_hold_epochs": Real,
    "meta_split": Real,
}
_OPTIONAL_NUMBERS = (
    "hyper_lr",
    "hyper_lr_decay",
    "common_share",
    "upward_drift",
    "meta_horizon",
    "meta_batch_size",
    "meta_split",
    "min_lr",
    "max_lr",
)

# Under a schedule that decays (benchmarks/accuracy/NOTES.md, section 7); both are 0 under one that does not.
DECAYING_SHARE = 0.5
DECAYING_DRIFT = 0.5
_WITHOUT_DECAY = ("constant", "constant_with_warmup", "reduce_lr_on_plateau", "greedy")

# They step inside the backward pass, where no displacement of a whole optimizer step exists.
_STEPPING_INSIDE_BACKWARD = ("lomo", "adalomo")


@dataclass
class MetaLRTrainingArguments(LearnedRateOptions, TrainingArguments):
    """`transformers.TrainingArguments` plus the settings of the learned rates; one default of the parent changes.

    ``learning_rate`` need not be stated: then every layer group starts at a rate that is chosen from the network's
    weights (`hf_metalr.engine.trust_region.choose_unstated`). A rate that is stated is where every layer group starts,
    or the nearest to it within ``trust_region``. The schedule multiplies the learned rates either way.

    Raises:
        InputError: a setting is unknown or out of range; the message names it, the rule, what was found and a way out.
    """

    learning_rate: float = field(
        default=UNSTATED,
        metadata={
            "help": "Where every layer's rate starts; by default it is chosen from the weights (optimizers of Adam's "
            "kind; 5e-5 with others, as in Transformers, and with meta_estimator='off')."
        },
    )

    @classmethod
    def paper(cls, output_dir: str, **overrides: Any) -> Self:
        """Return the published setting of MetaLR (arXiv 2206.01408; POCUS, ResNet-18); any argument can be overridden.

        Head rate 1e-2, body 1e-3, β = 0.1, rates within [1e-6, 1e-2], head held for 5 epochs, 30 epochs, batch 128,
        weight decay 1e-4, constant schedule, no clipping. Two things differ: the optimizer is AdamW, since Transformers
        offers no Adam with coupled decay, and its own step is the look-ahead (the paper's looks ahead with plain SGD);
        and ``max_lr_change`` still bounds a single move. Bounds that are not given follow a ``learning_rate`` that is.
        """
        published: dict[str, Any] = {
            "meta_estimator": "lookahead",
            "lr_update": "proportional",
            "hyper_lr": 0.1,
            "min_lr": 1e-6,
            "max_lr": 1e-2,
            "trust_region": False,
            "learning_rate": 1e-2,
            "backbone_lr_scale": 0.1,
            "head_hold_epochs": 5.0,
            "num_train_epochs": 30,
            "per_device_train_batch_size": 128,
            "weight_decay": 1e-4,
            "lr_scheduler_type": "constant",
            "max_grad_norm": 0.0,
        }
        if "learning_rate" in overrides:
            del published["min_lr"], published["max_lr"]
        return cls(output_dir=output_dir, **(published | overrides))

    def __post_init__(self) -> None:
        stated: Any = self.learning_rate
        if stated is None:  # as `to_dict` says it
            self.learning_rate = UNSTATED
        self._require_numbers()
        require_choice("meta_estimator", self.meta_estimator, _ESTIMATORS)
        if self.meta_estimator == "off" and self.learning_rate is UNSTATED:
            self.learning_rate = TRANSFORMERS_DEFAULT
        if self.meta_estimator != "off":
            self._refuse_optimizers_without_displacement()  # before the parent asks for packages that they would need
        self._VALID_DICT_FIELDS = [*super()._VALID_DICT_FIELDS, "layer_groups"]  # the parent parses JSON text of these
        super().__post_init__()
        if self.hub_token is not None:
            self.hub_token = Secret(self.hub_token)
        if self.hyper_lr is not None and not self.hyper_lr > 0:
            raise InputError(
                "hyper_lr",
                f"must be above 0; found {self.hyper_lr!r}. To train without learning rates, set meta_estimator='off'.",
            )
        self._require_sound_initial_rates()
        self._require_sound_meta_data()
        if self.meta_estimator != "off":
            self.metalr_config()

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments as JSON takes them; ``learning_rate`` is None where it was not stated."""
        return {name: None if isinstance(value, UnstatedRate) else value for name, value in super().to_dict().items()}

    def metalr_config(self, kept_head: bool = False) -> MetaLRConfig:
        """Return the engine's settings; not defined for ``meta_estimator="off"``.

        Args:
            kept_head: whether the head seems to have been trained before; counts where the user has not said so, nor
                how the scale is to move, and under a schedule that decays.
        """
        if self.kept_head is not None:
            kept_head = self.kept_head
        elif self.common_share is not None or self.upward_drift is not None or not self._decays:
            kept_head = False
        estimator: Literal["lookahead", "next_batch"] = (
            "lookahead" if self.meta_estimator == "lookahead" else "next_batch"
        )
        return MetaLRConfig(
            estimator=estimator,
            lr_update=self.lr_update,  # type: ignore[arg-type]  # checked by MetaLRConfig
            hyper_lr=self.hyper_lr,
            hyper_lr_decay=self.hyper_lr_decay,
            common_share=self._under_decay(self.common_share, DECAYING_SHARE),
            upward_drift=self._under_decay(self.upward_drift, DECAYING_DRIFT),
            kept_head=kept_head,
            horizon=self.meta_horizon,
            meta_every=self.meta_every,
            min_lr=self.min_lr,
            max_lr=self.max_lr,
            max_lr_change=self.max_lr_change,
            trust_region=self.trust_region,
        )

    def _under_decay(self, given: float | None, default: float) -> float:
        return given if given is not None else default if self._decays else 0.0

    @property
    def _decays(self) -> bool:
        schedule = str(getattr(self.lr_scheduler_type, "value", self.lr_scheduler_type))
        return self.lr_update == "log_adam" and schedule not in _WITHOUT_DECAY

    def _require_numbers(self) -> None:
        """YAML reads 1e-3 as text, and text would fail later in words of its own."""
        for name, kind in _NUMBERS.items():
            found = getattr(self, name)
            if found is None and name in _OPTIONAL_NUMBERS:
                continue
            endless = name == "hyper_lr_decay" and found == math.inf  # the hyper-LR stays
            if isinstance(found, bool) or not isinstance(found, kind) or not (math.isfinite(found) or endless):
                wanted = "an integer" if kind is Integral else "a finite number"
                wanted += " or inf" if name == "hyper_lr_decay" else ""
                raise InputError(
                    name,
                    f"must be {wanted}; found {found!r} ({type(found).__name__}). In YAML, write 1.0e-3 rather "
                    "than 1e-3, which is text.",
                )

    def _require_sound_initial_rates(self) -> None:
        if not self.backbone_lr_scale > 0:
            raise InputError(
                "backbone_lr_scale",
                f"must be above 0; found {self.backbone_lr_scale!r}. To freeze the backbone, set "
                "requires_grad=False on its parameters.",
            )
        if self.head_hold_steps < 0 or self.head_hold_epochs < 0:
            raise InputError(
                "head_hold_steps",
                "and ",
                Parameter("head_hold_epochs"),
                f" must not be negative; found {self.head_hold_steps!r} and {self.head_hold_epochs!r}.",
            )
        if self.head_hold_steps and self.head_hold_epochs:
            raise InputError(
                "head_hold_steps",
                "or ",
                Parameter("head_hold_epochs"),
                f" must be set, not both; found {self.head_hold_steps!r} and {self.head_hold_epochs!r}.",
            )

    def _require_sound_meta_data(self) -> None:
        if self.meta_batch_size is not None and self.meta_batch_size < 1:
            raise InputError("meta_batch_size", f"must be at least 1; found {self.meta_batch_size!r}.")
        if self.meta_split is not None and not 0 < self.meta_split < 1:
            raise InputError(
                "meta_split", f"must lie strictly between 0 and 1 (a fraction); found {self.meta_split!r}."
            )
        if self.meta_estimator != "lookahead":
            for name in ("meta_batch_size", "meta_split"):
                if getattr(self, name) is not None:
                    raise InputError(
                        name,
                        f"{getattr(self, name)!r} has no effect with meta_estimator={self.meta_estimator!r}, "
                        "which draws no meta batch: leave it out or use meta_estimator='lookahead'.",
                    )

    def _refuse_optimizers_without_displacement(self) -> None:
        name = str(getattr(self.optim, "value", self.optim))
        if name.startswith("schedule_free"):
            raise InputError(
                "optim",
                f"{name!r} keeps the parameters at a running average of its steps, which does not scale with the "
                "learning rate of one step. Use another optimizer, such as optim='adamw_torch' with "
                "lr_scheduler_type='constant', or set meta_estimator='off'.",
            )
        if name in _STEPPING_INSIDE_BACKWARD or name.endswith("_layerwise"):
            raise InputError(
                "optim",
                f"{name!r} steps inside the backward pass, where the displacement of a whole step cannot be "
                "measured. Use another optimizer, such as optim='adamw_torch', or set meta_estimator='off'.",
            )
        if self.deepspeed:
            raise InputError("deepspeed", DEEPSPEED_REFUSED)
