"""A profile as a JSON file. Files may come from anywhere, so every value is checked before a profile is made of them.

    {"schema": "hf_metalr/transferability", "version": 1, "layers": [{"name": "stem", "transferability": 3.44, …}, …],
     "fine_tuned": …, "pretrained": …, "random": …, "protocol": {…}, "samples": 400, …}

The keys are the fields of `TransferabilityProfile` and `LayerTransferability`. JSON has no infinity: numbers that are
not finite are the strings "inf", "-inf" and "nan". Two more keys are for readers and not read back: the network's
"transferability" and the "verdict" of each layer.
"""

import math
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hf_metalr.checked_json import (
    Reader,
    is_count,
    is_number,
    is_object,
    is_object_of_texts,
    is_text,
    optional_number,
    read_object,
    read_rows,
    require_schema,
    write_object,
)
from hf_metalr.transferability.protocol import Protocol

if TYPE_CHECKING:
    from hf_metalr.transferability.profile import TransferabilityProfile

SCHEMA, VERSION = "hf_metalr/transferability", 1
PROFILE_NAME = "transferability.json"  # in the output folder of a run
# A thousand layers with every column and the families of ten thousand tensors take about 1 MB.
MOST_BYTES = 16 * 2**20


def to_dict(profile: "TransferabilityProfile") -> dict[str, Any]:
    """Return the profile as plain JSON values."""
    content: dict[str, Any] = {"schema": SCHEMA, "version": VERSION, "transferability": profile.transferability}
    content |= asdict(profile)
    verdicts = profile.verdicts()
    for layer in content["layers"]:
        layer["verdict"] = verdicts[layer["name"]]
    return _encoded(content)


def save(profile: "TransferabilityProfile", path: str | os.PathLike[str]) -> None:
    """Write the profile; a crash leaves either the old file or the new one."""
    write_object(to_dict(profile), path)


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the checked fields of a `TransferabilityProfile`.

    Raises:
        ValueError: the file is no profile, or a value is missing, of another type or out of range.
    """
    return parse(read_object(path, MOST_BYTES, "profile"), str(path))


def parse(content: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the checked fields of a `TransferabilityProfile` from the JSON object of a file called ``path``."""
    require_schema(content, SCHEMA, VERSION, path, "Save a profile with this version of hf_metalr.")
    read = Reader(content, path)
    layers = read_rows(read, "layers", "layer", _layer)
    protocol = Reader(read("protocol", "an object", is_object), f"{path}, protocol")
    return {
        "layers": layers,
        "protocol": _protocol(protocol),
        **{name: read(name, "a text", is_text) for name in ("fine_tuned", "pretrained", "random")},
        **{name: read(name, "an object of texts", is_object_of_texts) for name in ("families", "left_out")},
        **{name: read(name, *_OPTIONAL_COUNT) for name in ("samples", "steps", "validation_samples")},
        "learning_rate": read("learning_rate", *optional_number("a number of at least 0", lambda v: 0 <= v < math.inf)),
        "validation_loss": read("validation_loss", *optional_number("a number", lambda v: True)),
        "recipe": read("recipe", "a text or null", lambda v: v is None or is_text(v)),
    }


def _layer(read: Reader) -> Any:
    from hf_metalr.transferability.profile import LayerTransferability

    not_negative = ("a number of at least 0, or nan", lambda v: is_number(v) and not v < 0)
    low, high = (read(name, *not_negative) for name in ("low", "high"))
    if low > high:
        read("low", f"a number of at most 'high' ({high})", lambda v: False)
    return LayerTransferability(
        name=read("name", "a text that is not empty", lambda v: is_text(v) and v),
        is_head=read("is_head", "true or false", lambda v: type(v) is bool),
        tensors=read("tensors", "an integer of at least 1", lambda v: type(v) is int and v >= 1),
        low=low,
        high=high,
        **{name: read(name, *not_negative) for name in ("transferability", "draw_spread", "relative_drift")},
        **{
            name: read(name, "a finite number of at least 0", lambda v: is_number(v) and 0 <= v < math.inf)
            for name in ("distance_from_random", "distance_from_pretrained")
        },
        angle=read("angle", "a number from 0 to 180, or nan", lambda v: is_number(v) and not (v < 0 or v > 180.001)),
        gradient_ratio=read("gradient_ratio", *optional_number("a number of at least 0, or nan", lambda v: not v < 0)),
        feature_similarity=read(
            "feature_similarity", *optional_number("a number up to 1, or nan", lambda v: not v > 1.001)
        ),
        reset_to_pretrained=_loss_change(read, "reset_to_pretrained"),
        reset_to_random=_loss_change(read, "reset_to_random"),
    )


def _loss_change(read: Reader, key: str) -> Any:
    from hf_metalr.transferability.profile import LossChange

    found = read(key, "an object or null", lambda v: v is None or is_object(v))
    if found is None:
        return None
    inner = Reader(found, f"{read.place}, {key}")
    return LossChange(**{name: inner(name, "a number", is_number) for name in ("change", "low", "high")})


def _protocol(read: Reader) -> Protocol:
    return Protocol(
        tensors=read("tensors", "'weights' or 'all'", lambda v: v in ("weights", "all")),
        average=read("average", "'before_ratio' or 'after_ratio'", lambda v: v in ("before_ratio", "after_ratio")),
        include_head=read("include_head", "true or false", lambda v: type(v) is bool),
    )


_OPTIONAL_COUNT = (
    "an integer of at least 0, or null",
    lambda value: value is None or is_count(value),
)


def _encoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _encoded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encoded(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value
