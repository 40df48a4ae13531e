"""Where rates start from when `init_lrs` names a file: for now a saved transferability profile."""

import math
from collections.abc import Sequence

from transformers.utils import logging

from hf_metalr.layer_groups import LayerGroup
from hf_metalr.transferability import TransferabilityProfile
from hf_metalr.transferability.storage import SCHEMA, parse, read_json

logger = logging.get_logger(__name__)

# Half of the way, in logarithms, from one rate for all to rates that fall exactly as T rises. A choice, not a result.
EXPONENT = -0.5
# No rate starts further than this factor from `learning_rate`: a profile is one run's hint.
MOST_FACTOR = 3.0


def rate_factors(path: str, layer_groups: Sequence[LayerGroup]) -> dict[str, float]:
    """Return by which factor the rate of each layer group starts off from what it would be without ``init_lrs``.

    Groups are matched by name; those that the file does not name keep 1, and one warning names all misfits.

    Args:
        path: of a JSON file whose ``schema`` tells what it holds.
        layer_groups: of the model in training.

    Raises:
        ValueError: the file cannot be used, or none of its layers is one of the model's.
    """
    content = read_json(path)
    if content.get("schema") != SCHEMA:
        raise ValueError(
            f"init_lrs={path!r} must be a transferability profile (schema {SCHEMA!r}), found schema "
            f"{str(content.get('schema'))[:80]!r}. Make one with report_transferability=True or "
            "`hf_metalr.transferability_profile(…).save(path)`."
        )
    profile = TransferabilityProfile(**parse(content, path))
    factors = factors_of_profile(profile)
    body = {group.name for group in layer_groups if not group.is_head}
    matched = {name: factor for name, factor in factors.items() if name in body}
    if not factors:
        raise ValueError(f"init_lrs={path!r} holds no layer that moved, so it says nothing about rates. Leave it out.")
    if not matched:
        raise ValueError(
            f"init_lrs={path!r} names none of the model's layer groups {sorted(body)[:5]}; it has "
            f"{list(factors)[:5]}. Use a profile of the same architecture and layer_groups."
        )
    missing = sorted(body - factors.keys() - profile.left_out.keys())
    unknown = [name for name in factors if name not in body]
    if missing or unknown:
        logger.warning(
            f"init_lrs={path!r}: layer groups that it does not name start at their usual rate: {missing}; "
            f"names that the model does not have are passed over: {unknown}."
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
