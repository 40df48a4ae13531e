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

    The first line that holds decides. "The interval" is the bootstrap interval of a loss change, "the range" that of T
    over tensors and random draws, "typical" the geometric mean of T over the body.

    1. a head                                                                                    → "new head": not judged
    2. the range of T lies below 1, so that the layer ended nearer to a random start than to its
       pre-trained one; or random values lower the validation loss (whole interval below 0)     → "re-initialise"
    3. it did not move; or undoing its fine-tuning lowers the validation loss (whole interval)   → "freeze"
    4. the interval of undoing its fine-tuning holds 0: trained or not, nothing shows            → "tie"
    5. the range of T lies below typical: it moved further than others                           → "high rate"
    6. the range of T lies above typical: it moved less than others                              → "low rate"
    7. the range holds the typical T                                                             → "tie"

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
    if undone is not None and undone.low <= 0 or math.isnan(typical):
        return TIE
    if layer.high < typical:
        return HIGH_RATE
    return LOW_RATE if layer.low > typical else TIE
