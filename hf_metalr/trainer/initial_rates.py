"""Setting up the rates before training: layer groups, split param groups, and the rate each of them starts from."""

import logging
import math
from collections.abc import Iterable

from torch import nn
from torch.optim import Optimizer

from hf_metalr.engine.checks import require_supported
from hf_metalr.engine.config import MetaLRConfig
from hf_metalr.engine.kept_head import heads_are_kept
from hf_metalr.engine.rates import base_lrs, set_base_lr
from hf_metalr.engine.trust_region import choose_unstated
from hf_metalr.errors import InputError
from hf_metalr.layer_groups import LayerGroup, make_layer_groups
from hf_metalr.layer_groups.param_groups import expand_scheduler, head_names, split_param_groups
from hf_metalr.trainer.arguments import MetaLRTrainingArguments
from hf_metalr.trainer.warm_start import starting_rates

logger = logging.getLogger(__name__)


def set_up_rates(
    model: nn.Module, optimizer: Optimizer, scheduler: object | None, args: MetaLRTrainingArguments
) -> tuple[LayerGroup, ...]:
    """Split the optimizer by layer group and set the initial rates; return the groups, input to output.

    Args:
        model: the module in training.
        optimizer: its torch optimizer; split in place.
        scheduler: a scheduler that the user made for the optimizer, or None.
        args: grouping and initial rates.
    """
    require_supported(optimizer)
    layer_groups = make_layer_groups(model, args.layer_groups or "block")
    parents = split_param_groups(optimizer, model, layer_groups)
    if scheduler is not None:
        expand_scheduler(scheduler, parents)
    if args.meta_estimator != "off":
        choose_unstated(model, optimizer, scheduler, layer_groups, engine_config(model, args))
    if args.backbone_lr_scale != 1.0:
        heads = head_names(layer_groups)
        if not heads:
            raise InputError(
                "backbone_lr_scale",
                f"{args.backbone_lr_scale} needs a head to tell from the backbone; none of the "
                f"layer groups {[group.name for group in layer_groups]} is one. Leave it at 1.0 for this model.",
            )
        for name, lr in base_lrs(optimizer).items():
            if name not in heads:
                set_base_lr(optimizer, scheduler, name, lr * args.backbone_lr_scale)
    if args.init_lrs is not None:
        bounds = (args.min_lr or 0.0, args.max_lr or math.inf)  # those not given follow the rates
        optimizer_name = type(optimizer).__name__
        usual = base_lrs(optimizer)
        rates = starting_rates(args.init_lrs, layer_groups, usual, bounds, optimizer_name, args.hub_token)
        for name, lr in rates.items():
            if name in usual:
                set_base_lr(optimizer, scheduler, name, lr)
    return layer_groups


def engine_config(model: nn.Module, args: MetaLRTrainingArguments) -> MetaLRConfig:
    """Return the engine's settings for a model at the start of its training."""
    return args.metalr_config(kept_head=heads_are_kept(model, make_layer_groups(model, args.layer_groups or "block")))


def warn_of_rates_of_zero(lrs: Iterable[float]) -> None:
    """Say that nothing will be learned where every layer group starts from a rate of 0."""
    if not any(lrs):
        logger.warning("Every learning rate starts at 0: nothing will be learned. Set learning_rate above 0.")
