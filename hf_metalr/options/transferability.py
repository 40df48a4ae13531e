"""The options of a profile, declared once: the parameters of `transferability_profile` that a command line can give."""

from dataclasses import dataclass

from hf_metalr.options import not_negative, option, positive_int

_PROTOCOL = "protocol, by default the published one (arXiv 2212.00399)"
_RECIPE = "recipe of the fine-tune, printed beside T, which depends on it"


@dataclass(frozen=True)
class ProfileConfig:
    """How a profile is measured; the fields are those of `hf_metalr.transferability_profile`, which explains them."""

    random: str | None = option(
        "the random end: folder or Hub id of the initialisation itself, or 'expectation' for the closed form (default: "
        "several draws from the model's own initialiser)",
        default=None,
        metavar="SOURCE",
    )
    random_draws: int = option("how many random draws", default=5, type=positive_int, metavar="N")
    layer_groups: str = option("what a layer is", default="block", choices=("stage", "block", "tensor"))
    batch_size: int = option("samples per forward pass", default=32, type=positive_int, metavar="N")
    confidence: float = option("of the intervals", default=0.95, type=float, metavar="SHARE")
    trust_remote_code: bool = option("allow code of a Hub model to run", default=False)
    samples: int | None = option("training samples", default=None, type=positive_int, metavar="N", group=_RECIPE)
    steps: int | None = option("optimizer steps", default=None, type=positive_int, metavar="N", group=_RECIPE)
    learning_rate: float | None = option(
        "learning rate", default=None, type=not_negative, metavar="RATE", group=_RECIPE
    )
    recipe: str | None = option("optimizer, schedule and the like", default=None, metavar="WORDS", group=_RECIPE)


@dataclass(frozen=True)
class ProtocolConfig:
    """The fields of `hf_metalr.transferability.Protocol`, which explains them."""

    tensors: str = option(
        "weights: no norm, bias or shortcut; all: every parameter",
        default="weights",
        choices=("weights", "all"),
        group=_PROTOCOL,
    )
    average: str = option(
        "average the distances of a layer's tensors before their ratio, or the ratios",
        default="before_ratio",
        choices=("before_ratio", "after_ratio"),
        group=_PROTOCOL,
    )
    include_head: bool = option("count the head in the network's mean", default=False, group=_PROTOCOL)
