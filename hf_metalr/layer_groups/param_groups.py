"""Layer groups -> torch param groups: splitting an optimizer's groups so that every layer group has its own rate."""

from collections.abc import Iterable, Sequence

from torch import Tensor, nn
from torch.optim import Optimizer

from hf_metalr.layer_groups.grouping import LayerGroup

# The key that marks a torch param group with the name of its layer group. A plain string: it travels through
# `state_dict`, `torch.load(weights_only=True)` and accelerate, which replaces the dicts (and FSDP2 the parameters).
LAYER_GROUP_KEY = "layer_group"

# What a scheduler keeps per param group.
PER_GROUP_LISTS = frozenset(
    {
        "base_lrs",
        "lr_lambdas",
        "_last_lr",
        "min_lrs",
        "max_lrs",
        "base_momentums",
        "max_momentums",
        "default_min_lrs",
        "_init_lrs",
        "base_values",
        "warmup_steps",
    }
)

# What an optimizer keeps per parameter inside a group, aligned with "params".
_PER_PARAMETER_KEYS = ("params", "param_names")


def split_param_groups(optimizer: Optimizer, model: nn.Module, layer_groups: Sequence[LayerGroup]) -> list[int]:
    """Split the optimizer's param groups in place, so that none holds parameters of two layer groups.

    A layer group ends up owning one or more param groups (decay and no decay). Options, rates and optimizer state stay
    as they are, so training is unchanged bit for bit. Parameters that belong to no layer group (a loss with parameters
    of its own, say) keep an unmarked param group, whose rate is not learned.

    Args:
        optimizer: any torch optimizer over parameters of the model.
        model: the module whose ``named_parameters`` the layer groups name.
        layer_groups: ordered from input to output.

    Returns:
        For each new param group the index of the param group it was cut from.
    """
    parameters = dict(model.named_parameters())
    owner = {id(parameters[name]): group.name for group in layer_groups for name in group.parameter_names}
    order: list[str | None] = [group.name for group in layer_groups]
    order.append(None)

    groups, parents = [], []
    for index, group in enumerate(optimizer.param_groups):
        members: dict[str | None, list[int]] = {name: [] for name in order}
        for position, parameter in enumerate(group["params"]):
            members[owner.get(id(parameter))].append(position)
        for name in order:
            if members[name]:
                groups.append(_cut(group, members[name], name))
                parents.append(index)
    optimizer.param_groups[:] = groups
    return parents


def expand_scheduler(scheduler: object, parents: Sequence[int]) -> None:
    """Give a scheduler that was made before the split one entry per new param group, wherever it keeps a list of them.

    Torch and Transformers schedulers keep per-group values in lists as long as ``param_groups`` (``base_lrs``,
    ``lr_lambdas``, ``min_lrs``, …), and so do timm's (``base_values``); composite ones keep schedulers in
    ``_schedulers``.
    """
    old_count = max(parents) + 1
    for name, value in getattr(scheduler, "__dict__", {}).items():
        if name == "_schedulers":
            for part in value:
                expand_scheduler(part, parents)
        elif name in PER_GROUP_LISTS and isinstance(value, (list, tuple)) and len(value) == old_count:
            setattr(scheduler, name, [value[parent] for parent in parents])


def head_names(layer_groups: Iterable[LayerGroup]) -> list[str]:
    """Return the names of the layer groups that are heads, input to output."""
    return [group.name for group in layer_groups if group.is_head]


def _cut(group: dict, positions: list[int], name: str | None) -> dict:
    # Each its own: a rate that is a tensor is changed in place.
    cut = {
        key: value.clone() if isinstance(value, Tensor) else value
        for key, value in group.items()
        if key != LAYER_GROUP_KEY
    }
    for key in _PER_PARAMETER_KEYS:
        if key in group:
            cut[key] = [group[key][position] for position in positions]
    if name is not None:
        cut[LAYER_GROUP_KEY] = name
    return cut
