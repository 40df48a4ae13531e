"""What a run truly started with: it comes back from a checkpoint, whatever the arguments say when the run goes on."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hf_metalr.checked_json import is_finite, is_text
from hf_metalr.engine.rates import base_lrs
from hf_metalr.engine.unstated import UNSTATED
from hf_metalr.errors import InputError
from hf_metalr.hub.learned_rates import MOST_LR, Setting
from hf_metalr.hub.locate import is_hub_id
from hf_metalr.trainer.arguments import MetaLRTrainingArguments

logger = logging.getLogger(__name__)

# Arguments that act when the optimizer is made; a checkpoint brings the optimizer's own values back.
_AT_START = ("learning_rate", "weight_decay", "backbone_lr_scale", "init_lrs")


@dataclass(frozen=True)
class RunStart:
    """The first rate of every layer group, and the arguments that set it.

    Attributes:
        lrs: base rate by layer group, after the bounds have moved it.
        settings: the arguments that act at the start alone. A local file of rates is only said to be one.
    """

    lrs: Mapping[str, float]
    settings: Mapping[str, Setting]

    @classmethod
    def of(cls, args: MetaLRTrainingArguments, optimizer: Any) -> "RunStart":
        """Return the start of a run whose optimizer has just been made and brought into its bounds."""
        settings = {name: getattr(args, name) for name in _AT_START}
        if args.learning_rate is UNSTATED:
            settings["learning_rate"] = None
        if args.init_lrs is not None:  # a path would tell something about the author and nothing to others
            settings["init_lrs"] = args.init_lrs if is_hub_id(args.init_lrs) else "a local file"
        return cls(base_lrs(optimizer), settings)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    def resumed(self, saved: object, place: object) -> "RunStart":
        """Return the start that a checkpoint tells of, and warn where the present arguments say something else.

        Args:
            saved: of `to_dict`; None in a checkpoint that was written before it was kept, which changes nothing.
            place: the checkpoint, for messages.

        Raises:
            InputError: it is damaged.
        """
        if saved is None:
            return self
        if not _is_start(saved, set(self.lrs)):
            raise InputError(
                None,
                f"{place}: 'start' must hold a rate for every layer group and the settings behind them, found "
                f"{str(saved)[:80]}: the checkpoint is damaged or was edited; resume from an earlier one.",
            )
        assert isinstance(saved, dict)
        start = RunStart({name: float(lr) for name, lr in saved["lrs"].items()}, saved["settings"])
        changed = [name for name in _AT_START if start.settings[name] != self.settings[name]]
        if changed:
            found = ", ".join(f"{name}={self.settings[name]!r} (then {start.settings[name]!r})" for name in changed)
            logger.warning(
                f"{found}: without effect, since a run that is resumed goes on with the rates and the optimizer of its "
                "checkpoint. What it started with stays recorded. To train with other values, start a new run from "
                "its model."
            )
        return start


def _is_start(saved: object, groups: set[str]) -> bool:
    if not (isinstance(saved, dict) and saved.keys() == {"lrs", "settings"}):
        return False
    lrs, settings = saved["lrs"], saved["settings"]
    return (
        isinstance(lrs, dict)
        and lrs.keys() == groups
        and all(is_finite(lr) and 0 <= lr <= MOST_LR for lr in lrs.values())
        and isinstance(settings, dict)
        and settings.keys() == set(_AT_START)
        and all(value is None or is_finite(value) or is_text(value) for value in settings.values())
    )
