"""Which module's output are the features of a layer group."""

from collections import defaultdict
from collections.abc import Iterable

from torch import nn

from hf_metalr.layer_groups import make_layer_groups

# They are never called, so they have no output.
_CONTAINERS = (nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)


def layer_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Return the module whose output are the features of each layer group, from input to output.

    The groups are those of `make_layer_groups(model, "block")`, frozen parameters included, without the head and
    without poolers: Transformers builds a pooler that a checkpoint may lack, and its random output says nothing.

    The module is the outermost one that holds parameters of this group alone. Where a group has several side by side
    (token and position tables), it is the one with the most parameters, lookup tables last: the others add to it. A
    group whose parameters all lie directly on a module that it shares (a lone class token) has no output of its own
    and is left out.

    Raises:
        ValueError: the model has no parameters.

    Example:
        >>> block = nn.Sequential(nn.Linear(4, 8), nn.ReLU())
        >>> modules = layer_modules(nn.Sequential(block, nn.Linear(8, 2)))
        >>> list(modules), modules["layer.0"] is block
        (['layer.0'], True)
    """
    groups = make_layer_groups([name for name, _ in model.named_parameters()])
    modules = {group.name: _output_module(model, group.parameter_names) for group in groups if not group.is_head}
    return {name: module for name, module in modules.items() if module and name.split(".")[-1] != "pooler"}


def head_module(model: nn.Module) -> nn.Module | None:
    """Return the outermost module that holds parameters of the head alone; None where there is no single one."""
    heads = [group for group in make_layer_groups([name for name, _ in model.named_parameters()]) if group.is_head]
    candidates = _outermost(model, heads[0].parameter_names) if len(heads) == 1 else []
    return candidates[0] if len(candidates) == 1 else None


def _output_module(model: nn.Module, parameter_names: Iterable[str]) -> nn.Module | None:
    candidates = _outermost(model, parameter_names)

    def importance(module: nn.Module) -> tuple[bool, int]:
        return not isinstance(module, nn.Embedding), sum(parameter.numel() for parameter in module.parameters())

    return max(reversed(candidates), key=importance, default=None)  # of equals the last


def _outermost(model: nn.Module, parameter_names: Iterable[str]) -> list[nn.Module]:
    """The outermost callable modules whose parameters are all among these, in their order of definition."""
    own = set(parameter_names)
    holders: dict[str, set[str]] = defaultdict(set)
    for name, _ in model.named_parameters():
        parts = name.split(".")[:-1]
        for length in range(len(parts) + 1):
            holders[".".join(parts[:length])].add(name)
    pure = [
        path
        for path, module in model.named_modules()
        if holders.get(path) and holders[path] <= own and not _is_container(module)
    ]
    kept: list[str] = []
    for path in pure:  # a parent comes before its children
        if not any(parent == "" or path.startswith(f"{parent}.") for parent in kept):
            kept.append(path)
    return [model.get_submodule(path) for path in kept]


def _is_container(module: nn.Module) -> bool:
    """A Sequential of one is passed over for what it holds: the output is the same, and CvT iterates over its own."""
    return isinstance(module, _CONTAINERS) or (isinstance(module, nn.Sequential) and len(module) == 1)
