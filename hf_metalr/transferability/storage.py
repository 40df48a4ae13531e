"""A profile as a JSON file. Files may come from anywhere, so every value is checked before a profile is made of them.

    {"schema": "hf_metalr/transferability", "version": 1, "layers": [{"name": "stem", "transferability": 3.44, …}, …],
     "fine_tuned": …, "pretrained": …, "random": …, "protocol": {…}, "samples": 400, …}

The keys are the fields of `TransferabilityProfile` and `LayerTransferability`. JSON has no infinity: numbers that are
not finite are the strings "inf", "-inf" and "nan". Two more keys are for readers and not read back: the network's
"transferability" and the "verdict" of each layer.
"""

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_metalr.transferability.protocol import Protocol

if TYPE_CHECKING:
    from hf_metalr.transferability.profile import TransferabilityProfile

SCHEMA, VERSION = "hf_metalr/transferability", 1
PROFILE_NAME = "transferability.json"  # in the output folder of a run
# A thousand layers with every column and the families of ten thousand tensors take about 1 MB.
MOST_BYTES = 16 * 2**20
_NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


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
    target = Path(path)
    temporary = target.with_name(target.name + ".tmp")
    temporary.write_text(
        json.dumps(to_dict(profile), indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )
    os.replace(temporary, target)


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a JSON object from a file of bounded size.

    Raises:
        ValueError: there is no such file, it is too large, or it holds no JSON object.
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"{file} is no file.")
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(f"{file} must have at most {MOST_BYTES} bytes, found {file.stat().st_size}: it is no profile.")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is not valid JSON ({error}).") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} must hold a JSON object, found {type(content).__name__}.")
    return content


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the checked fields of a `TransferabilityProfile`.

    Raises:
        ValueError: the file is no profile, or a value is missing, of another type or out of range.
    """
    return parse(read_json(path), str(path))


def parse(content: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the checked fields of a `TransferabilityProfile` from the JSON object of a file called ``path``."""
    if content.get("schema") != SCHEMA or content.get("version") != VERSION:
        raise ValueError(
            f"{path} must be of schema {SCHEMA!r}, version {VERSION}, found {str(content.get('schema'))[:80]!r}, "
            f"version {str(content.get('version'))[:20]}. Save a profile with this version of hf_metalr."
        )
    read = _Reader(content, path)
    rows = read(
        "layers", "a list of at least one object", lambda v: isinstance(v, list) and v and all(map(_is_object, v))
    )
    layers = tuple(_layer(_Reader(row, f"{path}, layer {number}")) for number, row in enumerate(rows))
    if len({layer.name for layer in layers}) < len(layers):
        raise ValueError(f"{path}: 'layers' must have different names. {_WAY_OUT}")
    protocol = _Reader(read("protocol", "an object", _is_object), f"{path}, protocol")
    return {
        "layers": layers,
        "protocol": _protocol(protocol),
        **{name: read(name, "a text", _is_text) for name in ("fine_tuned", "pretrained", "random")},
        **{name: read(name, "an object of texts", _is_texts) for name in ("families", "left_out")},
        **{name: read(name, *_OPTIONAL_COUNT) for name in ("samples", "steps", "validation_samples")},
        "learning_rate": read("learning_rate", *_optional("a number of at least 0", lambda v: 0 <= v < math.inf)),
        "validation_loss": read("validation_loss", *_optional("a number", lambda v: True)),
        "recipe": read("recipe", "a text or null", lambda v: v is None or _is_text(v)),
    }


_WAY_OUT = "The file was edited or damaged."


class _Reader:
    """Takes checked values out of one JSON object."""

    def __init__(self, content: dict[str, Any], place: str) -> None:
        self._content, self.place = content, place

    def __call__(self, key: str, rule: str, is_sound: Callable[[Any], Any]) -> Any:
        value = self._content.get(key)
        if isinstance(value, str) and value in _NOT_FINITE and "number" in rule:
            value = _NOT_FINITE[value]
        if not is_sound(value):
            raise ValueError(f"{self.place}: {key!r} must be {rule}, found {str(value)[:80]!r}. {_WAY_OUT}")
        return value


def _layer(read: _Reader) -> Any:
    from hf_metalr.transferability.profile import LayerTransferability

    not_negative = ("a number of at least 0, or nan", lambda v: _is_number(v) and not v < 0)
    low, high = (read(name, *not_negative) for name in ("low", "high"))
    if low > high:
        read("low", f"a number of at most 'high' ({high})", lambda v: False)
    return LayerTransferability(
        name=read("name", "a text that is not empty", lambda v: _is_text(v) and v),
        is_head=read("is_head", "true or false", lambda v: type(v) is bool),
        tensors=read("tensors", "an integer of at least 1", lambda v: type(v) is int and v >= 1),
        low=low,
        high=high,
        **{name: read(name, *not_negative) for name in ("transferability", "draw_spread", "relative_drift")},
        **{
            name: read(name, "a finite number of at least 0", lambda v: _is_number(v) and 0 <= v < math.inf)
            for name in ("distance_from_random", "distance_from_pretrained")
        },
        angle=read("angle", "a number from 0 to 180, or nan", lambda v: _is_number(v) and not (v < 0 or v > 180.001)),
        gradient_ratio=read("gradient_ratio", *_optional("a number of at least 0, or nan", lambda v: not v < 0)),
        feature_similarity=read("feature_similarity", *_optional("a number up to 1, or nan", lambda v: not v > 1.001)),
        reset_to_pretrained=_loss_change(read, "reset_to_pretrained"),
        reset_to_random=_loss_change(read, "reset_to_random"),
    )


def _loss_change(read: _Reader, key: str) -> Any:
    from hf_metalr.transferability.profile import LossChange

    found = read(key, "an object or null", lambda v: v is None or _is_object(v))
    if found is None:
        return None
    inner = _Reader(found, f"{read.place}, {key}")
    return LossChange(**{name: inner(name, "a number", _is_number) for name in ("change", "low", "high")})


def _protocol(read: _Reader) -> Protocol:
    return Protocol(
        tensors=read("tensors", "'weights' or 'all'", lambda v: v in ("weights", "all")),
        average=read("average", "'before_ratio' or 'after_ratio'", lambda v: v in ("before_ratio", "after_ratio")),
        include_head=read("include_head", "true or false", lambda v: type(v) is bool),
    )


def _is_number(value: object) -> bool:
    # bool is no number here; JSON has integers of any length, and floats do not
    return type(value) is float or (type(value) is int and abs(value) < 2**53)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_texts(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _optional(rule: str, is_sound: Callable[[Any], bool]) -> tuple[str, Callable[[Any], bool]]:
    return f"{rule}, or null", lambda value: value is None or (_is_number(value) and is_sound(value))


_OPTIONAL_COUNT = (
    "an integer of at least 0, or null",
    lambda value: value is None or (type(value) is int and value >= 0),
)


def _encoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _encoded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encoded(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value
