"""The verdict on a layer: one rule, stated in one docstring."""

import math

from hf_metalr.transferability.profile import LayerTransferability

RE_INITIALISE, FREEZE, LOW_RATE, HIGH_RATE, TIE, HEAD = (
    "re-initialise",
    "freeze",
    "low rate",
    "high rate",
    "tie",
    "new head",
)


def verdict(layer: LayerTransferability, typical: float) -> str:
    """Return what the figures advise for a next fine-tune under the same recipe.

    The first line that holds decides. Of T and of loss changes the whole bootstrap interval must lie where the line
    says; "typical" is the geometric mean of T over the body.

    1. a head                                                                            → "new head": not judged
    2. T is below 1: it ended nearer to a random start than to its pre-trained values;
       or random values in its place lower the validation loss                          → "re-initialise"
    3. it did not move; or undoing its fine-tuning lowers the validation loss            → "freeze"
    4. undoing its fine-tuning may leave the validation loss as it is (interval holds 0) → "tie"
    5. T is below typical: it moved further than others                                  → "high rate"
    6. T is above typical: it moved less than others                                     → "low rate"
    7. the interval of T holds the typical T                                             → "tie"

    Lines that need validation data are passed over without them. No published result shows that following such advice
    beats one well-chosen rate: take it as a hypothesis to try.

    Args:
        layer: what was measured.
        typical: `TransferabilityProfile.typical`.
    """
    if layer.is_head:
        return HEAD
    undone, replaced = layer.reset_to_pretrained, layer.reset_to_random
    if layer.high < 1 or (replaced is not None and replaced.high < 0):
        return RE_INITIALISE
    if layer.distance_from_pretrained == 0 or (undone is not None and undone.high < 0):
        return FREEZE
    if (undone is not None and undone.low <= 0) or math.isnan(typical):
        return TIE
    if layer.high < typical:
        return HIGH_RATE
    return LOW_RATE if layer.low > typical else TIE
