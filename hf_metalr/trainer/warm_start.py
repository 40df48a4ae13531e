"""Where rates start from when `init_lrs` is set: rates that another run learned, or a transferability profile."""

import math
from collections.abc import Iterable, Mapping, Sequence

from transformers.utils import logging

from hf_metalr.checked_json import read_object
from hf_metalr.errors import InputError
from hf_metalr.hub import LearnedRates, learned_rates
from hf_metalr.hub.locate import locate
from hf_metalr.layer_groups import LayerGroup
from hf_metalr.transferability import TransferabilityProfile, storage

logger = logging.get_logger(__name__)

# Half of the way, in logarithms, from one rate for all to rates that fall exactly as T rises. A choice, not a result.
EXPONENT = -0.5
# No rate starts further than this factor from `learning_rate`: a profile is one run's hint.
MOST_FACTOR = 3.0
_MOST_NAMES = 5  # of a list in a message


def starting_rates(
    source: str,
    layer_groups: Sequence[LayerGroup],
    usual: Mapping[str, float],
    lr_bounds: tuple[float, float],
    optimizer: str,
    token: str | None = None,
) -> dict[str, float]:
    """Return the base rates that layer groups start with, of those that the source says something about.

    A `metalr.json` gives rates as they were learned, whatever ``learning_rate`` is here. A profile gives factors on
    the usual rates. Either way groups are matched by name, and one warning names all misfits: a deeper network's
    further layers and groups of another ``layer_groups`` start at their usual rate.

    Args:
        source: path of a JSON file or of a folder with `metalr.json`, or ``user/model``.
        layer_groups: of the model in training.
        usual: the base rate that each of them would have without ``init_lrs``.
        lr_bounds: ``min_lr`` and ``max_lr``; learned rates are moved into them, which a warning tells.
        optimizer: class name of the optimizer.
        token: of the Hub.

    Raises:
        InputError: the source cannot be had or used, or none of its layers is one of the model's.
    """
    path = locate(source, token)
    content = read_object(path, storage.MOST_BYTES, "file of rates")
    schema = content.get("schema")
    if schema == learned_rates.SCHEMA:
        run = LearnedRates(**learned_rates.parse(content, str(path)))
        return rates_of_run(run, source, layer_groups, lr_bounds, optimizer)
    if schema == storage.SCHEMA:
        profile = TransferabilityProfile(**storage.parse(content, str(path)))
        factors = _factors(profile, source, layer_groups)
        return {name: lr * factors[name] for name, lr in usual.items() if name in factors}
    raise InputError(
        "init_lrs",
        f"{source!r} must be a file of learned rates (schema {learned_rates.SCHEMA!r}) or a transferability "
        f"profile (schema {storage.SCHEMA!r}), found schema {str(schema)[:80]!r}. `MetaLRTrainer` writes the first "
        "when it has trained, and the second with report_transferability=True.",
    )


def rates_of_run(
    run: LearnedRates,
    source: str,
    layer_groups: Iterable[LayerGroup],
    lr_bounds: tuple[float, float],
    optimizer: str,
) -> dict[str, float]:
    """Return the rates that a run learned, averaged over its last quarter, of the groups that the model has too.

    The head is one of them: there as here it starts from random weights. A rate that was held to the end, or was 0,
    has taught nothing and is passed over.
    """
    own = [group.name for group in layer_groups]
    learned = {group.name: group.late_lr for group in run.layer_groups if group.late_lr > 0 and not group.held}
    matched = {name: learned[name] for name in own if name in learned}
    names = [group.name for group in run.layer_groups]
    if not matched:
        raise InputError(
            "init_lrs",
            f"{source!r} has learned rates for none of the model's layer groups {_listed(own)}; it has "
            f"{_listed(names)}. Use a run of a similar architecture with the same layer_groups.",
        )
    misfits = {
        "layer groups that it does not name start at their usual rate": [name for name in own if name not in names],
        "so do those whose rate it held": [name for name in own if name in names and name not in learned],
        "names that the model does not have are passed over": [name for name in names if name not in own],
    }
    found = [f"{words}: {_listed(group_names)}" for words, group_names in misfits.items() if group_names]
    if found:
        logger.warning(f"init_lrs={source!r}: {'; '.join(found)}.")
    if run.optimizer != optimizer:
        logger.warning(
            f"init_lrs={source!r}: the rates were learned with {run.optimizer} and this run has {optimizer}; the rates "
            "of one optimizer say little about those of another."
        )
    low, high = lr_bounds
    outside = [name for name, lr in matched.items() if not low <= lr <= high]
    if outside:
        logger.warning(
            f"init_lrs={source!r}: rates outside min_lr={low:g} and max_lr={high:g} start at the nearest bound: "
            f"{_listed(outside)}."
        )
    return {name: min(max(lr, low), high) for name, lr in matched.items()}


def _factors(profile: TransferabilityProfile, source: str, layer_groups: Sequence[LayerGroup]) -> dict[str, float]:
    """Return by which factor each layer group starts off from its usual rate; those that do not match keep 1."""
    factors = factors_of_profile(profile)
    body = {group.name for group in layer_groups if not group.is_head}
    matched = {name: factor for name, factor in factors.items() if name in body}
    if not factors:
        raise InputError(
            "init_lrs", f"{source!r} holds no layer that moved, so it says nothing about rates. Leave it out."
        )
    if not matched:
        raise InputError(
            "init_lrs",
            f"{source!r} names none of the model's layer groups {_listed(sorted(body))}; it has "
            f"{_listed(list(factors))}. Use a profile of the same architecture and layer_groups.",
        )
    missing = sorted(body - factors.keys() - profile.left_out.keys())
    unknown = [name for name in factors if name not in body]
    if missing or unknown:
        logger.warning(
            f"init_lrs={source!r}: layer groups that it does not name start at their usual rate: {_listed(missing)}; "
            f"names that the model does not have are passed over: {_listed(unknown)}."
        )
    return matched


def factors_of_profile(profile: TransferabilityProfile) -> dict[str, float]:
    """Return ``clip((T_j / T̄)^p, 1/c, c)`` for every layer of the body, T̄ the geometric mean of T over it.

    The sign: T_j is about one over the distance that fine-tuning moved layer j. A small T says that the layer had far
    to go, so that it wants a higher rate: p is negative. Unclipped, the factors have the geometric mean 1, so that the
    overall scale stays that of ``learning_rate``. A layer that did not move (T infinite) gets the lowest factor, 1/c.
    A head gets none: both of its ends were random, so its T says nothing about a rate.

    No published or own result shows that this helps.
    """
    factors = {}
    for layer in profile.body:
        ratio = layer.transferability / profile.typical
        if layer.transferability > 0 and not math.isnan(ratio):
            factors[layer.name] = min(max(ratio**EXPONENT, 1 / MOST_FACTOR), MOST_FACTOR)
    return factors


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{list(names[:_MOST_NAMES])}{more}"
