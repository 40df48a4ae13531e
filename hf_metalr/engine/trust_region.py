"""The bounds of every layer group's rate: the trust region of its weights, within min_lr and max_lr."""

import math
from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from hf_metalr.engine.adapters import lora_rates
from hf_metalr.engine.config import MetaLRConfig
from hf_metalr.engine.rates import base_lrs, make_numbers_plain, set_base_lr, unstated_groups
from hf_metalr.engine.unstated import UNSTATED
from hf_metalr.equations import Bounds, head_bounds, relative_bounds, weight_size
from hf_metalr.layer_groups import LayerGroup
from hf_metalr.layer_groups.parameter_names import is_adapter

# They keep betas too, but step by the gradient's size or by a share of the weights' own.
_OTHER_STEPS = ("sgd", "lamb", "lars")

NO_BOUNDS = Bounds(0.0, math.inf)

# Where a network starts whose every layer knows the task (benchmarks/accuracy/NOTES.md, section 8).
KEPT_HEAD_START = 0.5


def lr_bounds(
    model: nn.Module, optimizer: Optimizer, layer_groups: Sequence[LayerGroup], config: MetaLRConfig
) -> dict[str, Bounds]:
    """Return the bounds of every learned rate, from the present weights.

    ``min_lr`` and ``max_lr`` alone where ``config.trust_region`` is off, or the optimizer's steps are not of size
    ``α``: those that keep ``betas`` (Adam and its kin, Lion) are taken to be, but for LAMB and LARS. Likewise where
    adapters alone are trained. A head that was trained before (``config.kept_head``) has the bounds of the body.
    """
    in_training = base_lrs(optimizer)
    learned = [group.name for group in layer_groups if group.name in in_training]
    wide = config.bounds_from(in_training.values())
    if not has_trust_region(optimizer, config):
        return dict.fromkeys(learned, wide)
    region = weight_region(model, layer_groups, config)
    return {name: region[name].within(*wide) for name in learned}


def weight_region(model: nn.Module, layer_groups: Sequence[LayerGroup], config: MetaLRConfig) -> dict[str, Bounds]:
    """Return the bounds that the present weights set for steps of size ``α``; endless for adapters alone."""
    parameters = dict(model.named_parameters())
    heads, body = {}, []
    for group in layer_groups:
        # Adapters are as new as a head, and have no size to go by: LoRA's factors start small, and at zero.
        own = [parameters[name] for name in group.parameter_names if not is_adapter(name)]
        matrices = [parameter for parameter in own if parameter.ndim > 1]
        if not group.is_head:
            body += matrices
        elif matrices and not config.kept_head:
            heads[group.name] = head_bounds(max(_inputs(matrix) for matrix in matrices))
    size = weight_size(map(_whole, body))
    batch_norm = any(isinstance(module, _BatchNorm) for module in model.modules())
    body_region = NO_BOUNDS if size is None else relative_bounds(size, batch_norm)
    return {group.name: heads.get(group.name, body_region) for group in layer_groups}


def choose_unstated(
    model: nn.Module,
    optimizer: Optimizer,
    scheduler: object | None,
    layer_groups: Sequence[LayerGroup],
    config: MetaLRConfig,
) -> dict[str, float]:
    """Choose the initial rate of every layer group whose rate is `UNSTATED`; return the rates that were chosen.

    Each starts at the upper bound of its trust region: the largest rate that the weights are taken to bear, which the
    schedule then lowers; at half of it where the head was trained before (``config.kept_head``). LoRA's
    factors start where their product moves in proportion to that bound (`hf_metalr.engine.adapters`). SGD's rates stay
    `UNSTATED` for the engine, which chooses them at the first step. Elsewhere (optimizers of other kinds, other
    adapters) a rate that nobody stated stays what it is in numbers, Transformers' default.
    """
    unstated, chosen = unstated_groups(optimizer), {}
    if unstated and has_trust_region(optimizer, config):
        bounds = lr_bounds(model, optimizer, layer_groups, config)
        share = KEPT_HEAD_START if config.kept_head else 1.0
        wide = config.bounds_from([UNSTATED])
        chosen = {name: bounds[name].clip(share * bounds[name].high) for name in unstated if bounds[name] != wide}
        adapters = lora_rates(model, layer_groups).items()
        chosen |= {name: wide.clip(lr) for name, lr in adapters if name in unstated and name not in chosen}
    for name, lr in chosen.items():
        set_base_lr(optimizer, scheduler, name, lr)
    if not waits_for_gradient(optimizer, config):
        make_numbers_plain(optimizer, scheduler)
    return chosen


def waits_for_gradient(optimizer: Optimizer, config: MetaLRConfig) -> bool:
    """Return whether a rate that nobody stated is chosen at the first step (`hf_metalr.engine.first_gradient`)."""
    return config.trust_region and type(optimizer).__name__.lower().startswith("sgd")


def move_into_bounds(optimizer: Optimizer, scheduler: object | None, bounds: dict[str, Bounds]) -> dict[str, float]:
    """Bring every rate that is not 0 into the bounds given for it; return those that were moved, as they were."""
    moved = {}
    for name, lr in base_lrs(optimizer).items():
        if name not in bounds:
            continue
        within = brought_into(lr, bounds[name])
        if lr != within:
            set_base_lr(optimizer, scheduler, name, within)
            moved[name] = lr
    return moved


def has_trust_region(optimizer: Optimizer, config: MetaLRConfig) -> bool:
    """Return whether the trust region acts: it is on, and the optimizer's steps are taken to be of size ``α``."""
    other = type(optimizer).__name__.lower().startswith(_OTHER_STEPS)
    return config.trust_region and "betas" in optimizer.defaults and not other


def brought_into(lr: float, bounds: Bounds) -> float:
    """Return a rate within its bounds; 0, the rate of a frozen group, stays.

    >>> brought_into(1e-2, Bounds(1e-4, 1e-3)), brought_into(0.0, Bounds(1e-4, 1e-3))
    (0.001, 0.0)
    """
    return lr if lr == 0 else bounds.clip(lr)


def resumed_bounds(
    saved: Mapping[str, Sequence[float]], optimizer: Optimizer, config: MetaLRConfig
) -> dict[str, Bounds]:
    """Return the bounds that a resumed run goes on with: those of the weights and rates that it began with.

    Weights and rates have moved since, and with them the bounds would. ``min_lr`` and ``max_lr`` are the present run's
    where they are given.
    """
    return {
        name: _resumed(Bounds(*bounds), has_trust_region(optimizer, config), config) for name, bounds in saved.items()
    }


def _resumed(saved: Bounds, in_region: bool, config: MetaLRConfig) -> Bounds:
    if in_region:
        return saved.within(config.min_lr or 0.0, config.max_lr or math.inf)
    low = config.min_lr or min(saved.low, config.max_lr or math.inf)
    return Bounds(low, config.max_lr or max(saved.high, low))


def _inputs(matrix: Tensor) -> int:
    """How many inputs feed one output: a weight is (outputs, inputs, …)."""
    return matrix.shape[1:].numel()


def _whole(matrix: Tensor) -> Tensor:
    """Gather what is sharded over processes (FSDP2)."""
    return matrix.full_tensor() if isinstance(matrix, DTensor) else matrix
