"""What is known of a model before it meets the data: its published ImageNet-1k accuracy."""

import math
from collections.abc import Mapping, Sequence

from hf_metalr.errors import InputError

# Top-1 accuracy on the validation images, in percent, as the authors' repositories publish it for these weights
# (facebookresearch/ConvNeXt, microsoft/Swin-Transformer, facebookresearch/deit, sail-sg/poolformer, and the MobileNet
# page of tensorflow/models). Only supervised models whose Hub weights are those of that table.
_PUBLISHED = {
    "facebook/convnext-tiny-224": 82.1,
    "facebook/convnext-small-224": 83.1,
    "facebook/convnext-base-224": 83.8,
    "facebook/convnext-base-384": 85.1,
    "facebook/convnext-large-224": 84.3,
    "facebook/convnext-large-384": 85.5,
    "facebook/convnext-base-224-22k-1k": 85.8,
    "facebook/convnext-large-224-22k-1k": 86.6,
    "facebook/convnext-xlarge-224-22k-1k": 87.0,
    "microsoft/swin-tiny-patch4-window7-224": 81.2,
    "microsoft/swin-small-patch4-window7-224": 83.2,
    "microsoft/swin-base-patch4-window7-224": 83.5,
    "microsoft/swin-base-patch4-window12-384": 84.5,
    "facebook/deit-tiny-patch16-224": 72.2,
    "facebook/deit-small-patch16-224": 79.9,
    "facebook/deit-base-patch16-224": 81.8,
    "facebook/deit-base-patch16-384": 82.9,
    "sail/poolformer_s12": 77.2,
    "sail/poolformer_s24": 80.3,
    "sail/poolformer_s36": 81.4,
    "sail/poolformer_m36": 82.1,
    "sail/poolformer_m48": 82.5,
    "google/mobilenet_v2_1.0_224": 71.8,
}


def known_prior(name: str) -> float | None:
    """Return the published ImageNet-1k accuracy of a Hub id, from 0 to 1; None where none is known here.

    >>> known_prior("facebook/deit-tiny-patch16-224"), known_prior("./my-checkpoint")
    (0.722, None)
    """
    published = _PUBLISHED.get(name)
    return None if published is None else round(published / 100, 4)


def checked_priors(priors: Mapping[str, float] | None, names: Sequence[str]) -> dict[str, float]:
    """Return the user's priors as floats.

    Raises:
        InputError: a prior of a model that is not ranked, or one that is no finite number.
    """
    given = dict(priors or {})
    foreign = [name for name in given if name not in names]
    if foreign:
        raise InputError("priors", f"must name models that are ranked, {list(names)}; found {foreign}.")
    wrong = {
        name: value
        for name, value in given.items()
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)
    }
    if wrong:
        raise InputError("priors", f"must be finite numbers, higher for better; found {wrong}.")
    return {name: float(value) for name, value in given.items()}
