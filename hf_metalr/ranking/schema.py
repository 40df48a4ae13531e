"""The JSON form of a ranking: written whole, checked when it is read."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_metalr.checked_json import write_object
from hf_metalr.errors import InputError

if TYPE_CHECKING:
    from hf_metalr.ranking.result import RankedBackbone, Ranking, Score

SCHEMA, VERSION = "hf_metalr.ranking", 1


def to_dict(ranking: "Ranking") -> dict[str, Any]:
    """Return plain data with the name and version of the schema."""
    return {"schema": SCHEMA, "version": VERSION, **json.loads(json.dumps(asdict(ranking), allow_nan=False))}


def save(ranking: "Ranking", path: Path) -> None:
    """Write the file and the folders it lies in; a crash leaves either the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_object(to_dict(ranking), path)


def load(path: Path) -> "Ranking":
    """Read and check a file.

    Raises:
        InputError: it is no ranking of this version, or its values are of wrong types or ranges.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(None, f"{path} is not a JSON file ({error}).") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or data.get("version") != VERSION:
        found = {key: data.get(key) for key in ("schema", "version")} if isinstance(data, dict) else type(data).__name__
        raise InputError(None, f"{path} must be a ranking of schema {SCHEMA!r} version {VERSION}, found {found}.")
    try:
        return _ranking(data)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(None, f"{path} is not a whole ranking: {reason}. It was edited or damaged.") from error


def _ranking(data: Mapping[str, Any]) -> "Ranking":
    from hf_metalr.ranking.result import Ranking

    names = tuple(_of(str, name) for name in _of(list, data["score_names"]))
    models = tuple(_backbone(_of(dict, model), names) for model in _of(list, data["models"]))
    if not names or not models:
        raise InputError(None, "it ranks no models by no score")
    confidence = _number(data["confidence"])
    if not 0 < confidence < 1:
        raise InputError("confidence", f"must lie between 0 and 1, found {confidence}")
    return Ranking(
        models=models,
        score_names=names,
        chance={_known(name, names): _number(value) for name, value in _of(dict, data["chance"]).items()},
        samples=_count(data["samples"]),
        classes=None if data["classes"] is None else _count(data["classes"]),
        confidence=confidence,
        settings=dict(_of(dict, data["settings"])),
        notes=tuple(_of(str, note) for note in _of(list, data["notes"])),
    )


def _backbone(data: Mapping[str, Any], names: tuple[str, ...]) -> "RankedBackbone":
    from hf_metalr.ranking.result import RankedBackbone

    return RankedBackbone(
        name=_of(str, data["name"]),
        parameters=_count(data["parameters"]),
        channels=_count(data["channels"]),
        prior=_optional(data["prior"]),
        is_random=_of(bool, data["is_random"]),
        scores={_known(name, names): _score(_of(dict, score)) for name, score in _of(dict, data["scores"]).items()},
        layers={
            layer: {_known(name, names): _optional(value) for name, value in _of(dict, values).items()}
            for layer, values in _of(dict, data["layers"]).items()
        },
    )


def _score(data: Mapping[str, Any]) -> "Score":
    from hf_metalr.ranking.result import Score

    value, low, high = (_optional(data[key]) for key in ("value", "low", "high"))
    score = Score(value, low, high, _count(data["tie_group"]))
    if score.low is not None and score.high is not None and score.low > score.high:
        raise InputError(None, f"an interval from {score.low} to {score.high} has its ends the wrong way round")
    return score


def _of(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise InputError(None, f"a {kind.__name__} is expected, found {value!r}"[:200])
    return value


def _known(name: str, names: tuple[str, ...]) -> str:
    if name not in names:
        raise InputError(None, f"the score {name!r} is none of `score_names`")
    return name


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(None, f"a finite number is expected, found {value!r}")
    return float(value)


def _optional(value: Any) -> float | None:
    return None if value is None else _number(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(None, f"a count of at least 1 is expected, found {value!r}")
    return value
