"""The random end: a given one, several draws of the model's own initialiser, or their expectation in closed form."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from hf_metalr.engine.no_trace import isolated_rng, mixed_seed
from hf_metalr.equations import unit_distances
from hf_metalr.errors import InputError
from hf_metalr.transferability.ends import End, Source, end_of_module, read_end
from hf_metalr.transferability.families import fit_family

RandomSource = Source | Callable[[], nn.Module] | None
EXPECTATION = "expectation"


@dataclass(frozen=True)
class RandomEnd:
    """How far the fine-tuned tensors lie from a random initialisation.

    Attributes:
        source: where the random values come from, in words.
        distances: for each draw, by name, the distance of each output unit of a tensor (`unit_distances`); the
            expectation is one such "draw".
        families: with the expectation, the family of initialisation that each tensor was taken for.
        values: one random end itself, for resetting layers and for a new head.
    """

    source: str
    distances: tuple[dict[str, Tensor], ...]
    values: End
    families: Mapping[str, str] = field(default_factory=dict)


def random_end(
    random: RandomSource,
    weights: Mapping[str, Tensor],
    model: nn.Module | None,
    draws: int,
    seed: int,
    trust_remote_code: bool = False,
) -> RandomEnd:
    """Measure the distances of the fine-tuned ``weights`` from the random end that the user asked for.

    Raises:
        InputError: the random end cannot be drawn, or does not fit the weights.
    """
    if random is not None and random != EXPECTATION and (isinstance(random, nn.Module) or not callable(random)):
        given = read_end(random, "random", model, trust_remote_code)
        return RandomEnd(f"given: {given.label}", (_distances(given, weights),), given)
    make, words = _initialiser(random if callable(random) else None, model)
    if random == EXPECTATION:
        return _expected(make, words, weights, seed)
    first: End | None = None
    distances = []
    for draw in range(draws):  # one at a time: memory holds two draws at most
        end = _draw(make, seed, draw)
        first = first or end
        distances.append(_distances(end, weights))
    assert first is not None
    return RandomEnd(f"{draws} {'draw' if draws == 1 else 'draws'} of {words}", tuple(distances), first)


def require_initialiser(model: nn.Module) -> None:
    """Raise a ValueError unless a model can be drawn anew."""
    _initialiser(None, model)


def _initialiser(factory: Callable[[], nn.Module] | None, model: nn.Module | None) -> tuple[Callable, str]:
    """A function that makes the model anew, and what it does in words."""
    from transformers import PreTrainedModel

    if factory is not None:
        return factory, "the given factory"
    if model is None:
        raise InputError(
            "random",
            "must be given where both ends are state dicts or bare safetensors, from which no model can be "
            "drawn: pass a model, or a function that makes one.",
        )
    if isinstance(model, PreTrainedModel):
        config = copy.deepcopy(model.config)
        return lambda: type(model)(config), f"the initialiser of {type(model).__name__}"
    uncovered = [
        f"{path}.{name}".lstrip(".")
        for path, module in model.named_modules()
        for name, _ in module.named_parameters(recurse=False)
        if _reset(module) is None
    ]
    if uncovered:
        raise InputError(
            "random",
            f"must be given: {type(model).__name__} keeps parameters in modules without reset_parameters "
            f"({', '.join(uncovered[:3])}{', …' if len(uncovered) > 3 else ''}). Pass a function that makes the model, "
            "such as random=lambda: MyModel(...).",
        )
    return lambda: _reinitialised(model), "reset_parameters of each module (not an initialisation of your own)"


def _reset(module: nn.Module) -> Callable[[], None] | None:
    # torch's MultiheadAttention has the same under another name
    return getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)


def _reinitialised(model: nn.Module) -> nn.Module:
    twin = copy.deepcopy(model)
    for module in twin.modules():
        reset = _reset(module)
        if reset is not None:
            reset()
    return twin


def _draw(make: Callable[[], nn.Module], seed: int, draw: int) -> End:
    with isolated_rng(mixed_seed(seed, draw)), torch.no_grad():
        module = make()
    if not isinstance(module, nn.Module):
        raise InputError("random", f"must return a torch.nn.Module, found {type(module).__name__}.")
    return end_of_module(module, "random", "drawn")


def _expected(make: Callable[[], nn.Module], words: str, weights: Mapping[str, Tensor], seed: int) -> RandomEnd:
    """Two draws tell the family of each tensor; its expectation needs no more."""
    first, second = (_draw(make, seed, draw) for draw in (0, 1))
    _require_fit(first, weights)
    families = {name: fit_family(first.parameters[name], second.parameters[name]) for name in weights}
    expected = {name: families[name].expected_distances(tensor.cpu()) for name, tensor in weights.items()}
    words = f"expectation in closed form of {words}"
    return RandomEnd(words, (expected,), first, {name: str(family) for name, family in families.items()})


def _distances(end: End, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    _require_fit(end, weights)
    return {name: unit_distances(end.parameters[name].cpu(), tensor.cpu()) for name, tensor in weights.items()}


def _require_fit(end: End, weights: Mapping[str, Tensor]) -> None:
    for name, tensor in weights.items():
        found = end.parameters.get(name)
        if found is None or found.shape != tensor.shape:
            shape = "none of this name" if found is None else f"shape {tuple(found.shape)}"
            raise InputError(
                "random",
                f"must have every parameter that is compared; {name} of shape {tuple(tensor.shape)} met "
                f"{shape}. Pass a random initialisation of the fine-tuned model's class and configuration.",
            )
