"""Layer groups: the parameters of a model, parted into groups that each share one learning rate."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from hf_metalr.errors import InputError
from hf_metalr.layer_groups.parameter_names import unwrap, without_adapter
from hf_metalr.layer_groups.patterns import match_patterns
from hf_metalr.layer_groups.placement import HEAD, Unit, place

GROUPINGS = ("stage", "block", "tensor")
# A flat network has no stages of its own; hierarchical vision networks (ResNet, Swin, ConvNeXt) have four.
_STAGES_OF_A_FLAT_NETWORK = 4


@dataclass(frozen=True)
class LayerGroup:
    """Parameters that share one learning rate.

    name: unique in the model, the same whatever wraps it, usable in a log key `lr/<name>`.
    parameter_names: as in `model.named_parameters()`, trainable ones only.
    is_head: whether the group is what a user trains from scratch (classifier, decoder head, projection).
    """

    name: str
    parameter_names: tuple[str, ...]
    is_head: bool = False


def make_layer_groups(
    named_parameters: Iterable[str] | nn.Module, grouping: str | Mapping[str, str] = "block"
) -> tuple[LayerGroup, ...]:
    """Part the trainable parameters into layer groups, ordered from input to output, the head last.

    Args:
        named_parameters: a model, or the names of its trainable parameters in the order of `model.named_parameters()`.
            Of a model the frozen parameters are read for the structure too, so that freezing renames no group; tied
            weights count once, under their first name.
        grouping:
            `"block"`: embeddings (or stem), each block, norm, head. In a hierarchical network `stage.1.block.0` and
            `stage.1.downsample`, in a flat one `layer.3`, with two towers `encoder.layer.3` and `decoder.layer.0`.
            `"stage"`: the stages of a hierarchical network; of a flat one at most four runs of consecutive layers
            (`layer.0-2`), as equal as possible, the longer ones first. The rest as for `"block"`.
            `"tensor"`: each parameter tensor by itself, named as the parameter.
            A mapping regular expression -> group name: the first expression found in a parameter name wins, and what
            none matches falls to its `"block"` group. Such a group is a head if it is called `head` or holds
            parameters of the head alone.

    Returns:
        Groups that hold every trainable parameter exactly once. At most one is called `head`; a network whose output
        layer is tied to its embeddings, or a bare backbone, has none.

    Raises:
        InputError: the grouping is unknown, the model has no trainable parameter, a name occurs twice, or a pattern
            is invalid or matches nothing (the message shows near misses).

    Example:
        >>> names = ["conv1.weight", "layer1.0.conv1.weight", "layer1.1.conv1.weight", "fc.weight", "fc.bias"]
        >>> [group.name for group in make_layer_groups(names)]
        ['stem', 'stage.1.block.0', 'stage.1.block.1', 'head']
        >>> [group.name for group in make_layer_groups(names, {r"conv1|layer1": "backbone"})]
        ['backbone', 'head']
    """
    if not isinstance(grouping, Mapping) and grouping not in GROUPINGS:
        raise InputError(
            "layer_groups",
            f"must be one of {', '.join(map(repr, GROUPINGS))} or a mapping regex -> group name, found {grouping!r}.",
        )
    all_names, trainable = _names(named_parameters)
    paths = unwrap(all_names)
    all_units = place([without_adapter(path) for path in paths])
    chosen = [position for position, name in enumerate(all_names) if name in trainable]
    names = [all_names[position] for position in chosen]
    unwrapped = [".".join(paths[position]) for position in chosen]
    units = [all_units[position] for position in chosen]
    if isinstance(grouping, Mapping):
        own = match_patterns(grouping, names, unwrapped)
        labels = [group or unit.name for group, unit in zip(own, units, strict=True)]
    elif grouping == "tensor":
        labels = unwrapped
    elif grouping == "stage":
        runs = _runs_of_flat_lists(all_units)
        labels = [unit.stage or runs.get(unit.name, unit.name) for unit in units]
    else:
        labels = [unit.name for unit in units]
    return _collect(names, labels, units)


def _names(named_parameters: Iterable[str] | nn.Module) -> tuple[list[str], frozenset[str]]:
    """All parameter names, in order, and which of them are trainable."""
    if isinstance(named_parameters, nn.Module):
        parameters = list(named_parameters.named_parameters())
        names = [name for name, _ in parameters]
        trainable = frozenset(name for name, parameter in parameters if parameter.requires_grad)
        if not trainable:
            raise InputError(
                "named_parameters",
                f"the model {type(named_parameters).__name__} has no trainable parameter "
                f"({len(names)} frozen). Set `requires_grad_(True)` on what is to be trained.",
            )
        return names, trainable
    if isinstance(named_parameters, str):
        raise InputError(
            "named_parameters",
            f"must be a model or several parameter names, found the text {named_parameters!r}. "
            "Put a single name into a list.",
        )
    names = list(named_parameters)
    if not names:
        raise InputError("named_parameters", "is empty: there is no trainable parameter to group.")
    if len(set(names)) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise InputError("named_parameters", f"must be unique, found repeated {repeated[:3]}.")
    return names, frozenset(names)


def _runs_of_flat_lists(units: Sequence[Unit]) -> dict[str, str]:
    """The name of the run of consecutive layers for the name of each layer: {"layer.4": "layer.3-5"}."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for unit in units:
        if unit.series:
            numbers[unit.series[0]].add(unit.series[1])
    runs = {}
    for series, found in numbers.items():
        ordered = sorted(found)
        for run in _split_evenly(ordered, min(_STAGES_OF_A_FLAT_NETWORK, len(ordered))):
            name = f"{series}.{run[0]}" if len(run) == 1 else f"{series}.{run[0]}-{run[-1]}"
            runs.update({f"{series}.{number}": name for number in run})
    return runs


def _split_evenly(numbers: Sequence[int], count: int) -> list[Sequence[int]]:
    length, longer = divmod(len(numbers), count)
    ends = [length * (i + 1) + min(i + 1, longer) for i in range(count)]
    return [numbers[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _collect(names: Sequence[str], labels: Sequence[str], units: Sequence[Unit]) -> tuple[LayerGroup, ...]:
    """Groups in the order of their first parameter from input to output; heads behind all others."""
    members: dict[str, list[int]] = defaultdict(list)
    for position, label in enumerate(labels):
        members[label].append(position)
    is_head = {
        label: label == HEAD or all(units[position].is_head for position in positions)
        for label, positions in members.items()
    }
    ordered = sorted(members, key=lambda label: (is_head[label], min((units[p].key, p) for p in members[label])))
    return tuple(
        LayerGroup(label, tuple(names[position] for position in members[label]), is_head[label]) for label in ordered
    )
