"""Parameters that join a run: added with ``optimizer.add_param_group``, or in it from the start and thawed.

They become layer groups of their own, with the rate that they were given, under the name that they would have had from
the start. Where a layer group of that name is there already, with a rate that was learned since, it is
``<name>.joined``.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import nn
from torch.optim import Optimizer

from hf_metalr.engine.checks import require_sound_rates
from hf_metalr.engine.config import MetaLRConfig
from hf_metalr.engine.rates import base_lrs, make_numbers_plain, settle_base_lrs
from hf_metalr.engine.schedulers import extend_scheduler
from hf_metalr.engine.trust_region import choose_unstated, lr_bounds, move_into_bounds
from hf_metalr.equations import Bounds
from hf_metalr.layer_groups import LayerGroup, make_layer_groups
from hf_metalr.layer_groups.param_groups import LAYER_GROUP_KEY, expand_scheduler, split_param_groups

logger = logging.getLogger(__name__)


class Newcomers:
    """Tells whether the optimizer holds trainable parameters of the model that belong to no layer group yet."""

    def __init__(self, model: nn.Module, optimizer: Optimizer) -> None:
        self.model, self.optimizer = model, optimizer
        self._others: set[int] = set()  # parameters that a loss has of its own, say

    def __bool__(self) -> bool:
        if not any(id(parameter) not in self._others for parameter in self._unmarked()):
            return False
        own = set(map(id, self.model.parameters()))
        self._others = {id(parameter) for parameter in self._unmarked() if id(parameter) not in own}
        return any(id(parameter) in own for parameter in self._unmarked())

    def names(self) -> list[str]:
        """Return their names in the model."""
        new = set(map(id, self._unmarked()))
        return [name for name, parameter in self.model.named_parameters() if id(parameter) in new]

    def _unmarked(self) -> Iterator[nn.Parameter]:
        for group in self.optimizer.param_groups:
            if LAYER_GROUP_KEY not in group:
                yield from (parameter for parameter in group["params"] if parameter.requires_grad)


@dataclass(frozen=True)
class Joined:
    """What is known after parameters joined.

    layer_groups: all of them, input to output. units: the rate that each new one was given. lr_bounds: of the new ones,
    from the present weights. moved: rates that lay outside of these, as they were.
    """

    layer_groups: tuple[LayerGroup, ...]
    units: dict[str, float]
    lr_bounds: dict[str, Bounds]
    moved: dict[str, float]


def adopt(
    newcomers: Newcomers,
    scheduler: object | None,
    layer_groups: Sequence[LayerGroup],
    grouping: str | Mapping[str, str],
    config: MetaLRConfig,
) -> Joined:
    """Split the newcomers by layer group, in place, and bring their rates into their bounds.

    Raises:
        InputError: the scheduler keeps something of every param group that cannot be told for the new ones, or their
            rates differ within a layer group or contradict ``min_lr`` and ``max_lr``.
    """
    model, optimizer = newcomers.model, newcomers.optimizer
    before = set(base_lrs(optimizer))
    extend_scheduler(scheduler, optimizer)
    joined = _with_newcomers(layer_groups, make_layer_groups(model, grouping), newcomers.names())
    parents = split_param_groups(optimizer, model, joined)
    if scheduler is not None:
        expand_scheduler(scheduler, parents)
    choose_unstated(model, optimizer, scheduler, joined, config)
    make_numbers_plain(optimizer, scheduler)
    settle_base_lrs(optimizer, scheduler)
    require_sound_rates(optimizer, config, scheduler)
    units = {name: lr for name, lr in base_lrs(optimizer).items() if name not in before}
    every = lr_bounds(model, optimizer, joined, config)
    bounds = {name: every[name] for name in units}
    moved = move_into_bounds(optimizer, scheduler, bounds)
    rates = {name: lr for name, lr in base_lrs(optimizer).items() if name in units}
    logger.info(f"Layer groups joined, with the learning rates {rates}" + (f" (given: {moved})." if moved else "."))
    return Joined(joined, units, bounds, moved)


def _with_newcomers(
    known: Sequence[LayerGroup], regrouped: Sequence[LayerGroup], names: Sequence[str]
) -> tuple[LayerGroup, ...]:
    taken = {group.name for group in known}
    new = {}
    for group in regrouped:
        members = tuple(name for name in group.parameter_names if name in names)
        if members:
            label = group.name
            while label in taken:
                label += ".joined"
            taken.add(label)
            new[group.name] = LayerGroup(label, members, group.is_head)
    order = {group.name: position for position, group in enumerate(regrouped)}
    # Known groups that a user made himself stand where he put them, behind those that the grouping places.
    placed = [(order.get(group.name, len(order)), 0, group) for group in known]
    placed += [(order[name], 1, group) for name, group in new.items()]
    return tuple(group for _, _, group in sorted(placed, key=lambda entry: entry[:2]))
