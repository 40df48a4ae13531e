"""The engine's part of a checkpoint: `metalr_state.json`, and the parameters before the last step as safetensors.

The learned rates themselves are in ``optimizer.pt`` and ``scheduler.pt``. Files may come from anywhere, so everything
is checked before anything is used.
"""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError

from hf_metalr.engine import MetaLR
from hf_metalr.engine.rules import COMMON
from hf_metalr.errors import InputError

STATE_NAME = "metalr_state.json"
# With the present parameters they make the pending displacement.
PREVIOUS_PARAMETERS_NAME = "metalr_previous_parameters.safetensors"


def save_engine_state(engine: MetaLR, checkpoint: str | os.PathLike[str], beside: Mapping[str, Any]) -> None:
    """Write the engine's state into a checkpoint folder, with what a trainer keeps beside it.

    That is: how many processes there were ("world_size"), what learning cost so far ("cost"), and what the run started
    with ("start", `RunStart`).
    """
    state = engine.state_dict() | dict(beside)
    tensors = {name: tensor.contiguous() for name, tensor in state["displacements"].pop("tensors").items()}
    if tensors:
        safetensors.torch.save_file(tensors, Path(checkpoint) / PREVIOUS_PARAMETERS_NAME)
    (Path(checkpoint) / STATE_NAME).write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8", newline="\n")


def read_engine_state(engine: MetaLR, checkpoint: str | os.PathLike[str]) -> dict[str, Any]:
    """Read and check the engine's state from a checkpoint folder, for ``engine.load_state_dict``.

    Raises:
        InputError: the files are missing, damaged, or of another estimator, update rule or grouping.
    """
    path = Path(checkpoint) / STATE_NAME
    if not path.is_file():
        raise InputError(
            "resume_from_checkpoint",
            f"{str(checkpoint)!r} holds no {STATE_NAME}: it was written without learned rates, "
            "or with save_only_model=True, which drops them. Resume with meta_estimator='off', or start a new run from "
            "its model.",
        )
    for names in (_OPTIMIZER_FILES, _SCHEDULER_FILES):
        if not any(found for name in names for found in Path(checkpoint).glob(name)):
            raise InputError(
                "resume_from_checkpoint",
                f"{str(checkpoint)!r} lacks {names[0]}, where the learned rates are: "
                "they would silently start again. Resume from a whole checkpoint, or start a new run from its model.",
            )
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(None, f"{path} is not valid JSON ({error}): {_WAY_OUT}") from error
    _require(isinstance(state, dict), path, "must hold a JSON object", state)
    _require(isinstance(state.get("config"), dict), path, "must have the object 'config'", state.get("config"))
    _require(isinstance(state.get("layer_groups"), list), path, "must list 'layer_groups'", state.get("layer_groups"))
    engine.require_fitting(state)
    _require_counts_and_rule(state, path)
    state["displacements"] = _read_displacements(engine, state, path)
    return state


def refuse_learned_checkpoint(checkpoint: str | os.PathLike[str] | None) -> None:
    """Raise an InputError if a run without learned rates is to go on from a checkpoint that has them."""
    if checkpoint is not None and (Path(checkpoint) / STATE_NAME).is_file():
        raise InputError(
            "resume_from_checkpoint",
            f"{str(checkpoint)!r} was written with learned rates, and this run has "
            "meta_estimator='off': its optimizer has other param groups. Resume with the estimator of the "
            "checkpoint, or start a new run from its model.",
        )


# Whole, or one per process where parameters are sharded.
_OPTIMIZER_FILES = ("optimizer.pt", "optimizer.bin", "optimizer_*")
_SCHEDULER_FILES = ("scheduler.pt",)

_WAY_OUT = "the checkpoint is damaged or was edited; resume from an earlier one."


def _require_counts_and_rule(state: dict[str, Any], path: Path) -> None:
    for name in ("step", "skipped"):
        found = state.get(name)
        sound = type(found) is int and 0 <= found < 2**53
        _require(sound, path, f"{name!r} must be an integer of at least 0", found)
    rates = state.get("learning_rates")
    _require(
        isinstance(rates, dict) and all(map(_is_number, rates.values())), path, "must have 'learning_rates'", rates
    )
    _require(type(state.get("kept_head")) is bool, path, "'kept_head' must be true or false", state.get("kept_head"))
    bounds = state.get("lr_bounds")
    _require(
        isinstance(bounds, dict) and list(bounds) == state["layer_groups"] and all(map(_are_bounds, bounds.values())),
        path,
        "'lr_bounds' must map every layer group to [lower, upper] with 0 < lower <= upper",
        bounds,
    )
    written = state.get("written")
    _require(
        _is_written(written, state["layer_groups"]), path, "'written' must hold the rates of layer groups", written
    )
    _require(_is_cost(state.get("cost")), path, "'cost' must hold seconds of at least 0, or null", state.get("cost"))
    rule = state.get("rule")
    _require(isinstance(rule, dict), path, "must have the object 'rule'", rule)
    for group, values in state["rule"].items():
        known = group in (*state["layer_groups"], COMMON)
        sound = isinstance(values, list) and len(values) == 3 and all(map(_is_number, values))
        _require(
            known and sound and _are_moments(values[0], values[1], values[2], most_steps=state["step"]),
            path,
            "'rule' must map layer groups to [first moment, second moment, steps] that can occur",
            {group: values},
        )


def _read_displacements(engine: MetaLR, state: dict[str, Any], path: Path) -> dict[str, Any]:
    found = state.get("displacements")
    lrs = found.get("lrs") if isinstance(found, dict) else None
    _require(
        isinstance(lrs, dict) and all(_is_number(lr) and 0 <= lr <= 1e3 for lr in lrs.values()),
        path,
        "'displacements' must hold 'lrs', an object of rates from 0 to 1e3",
        found,
    )
    if not lrs:
        return {"lrs": {}, "tensors": {}}
    file = path.with_name(PREVIOUS_PARAMETERS_NAME)
    try:
        tensors = safetensors.torch.load_file(file)
    except (OSError, SafetensorError) as error:
        raise InputError(None, f"{file} cannot be read ({error}): {_WAY_OUT}") from error
    expected = engine.displacement_shapes()
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    _require(
        shapes == expected and lrs.keys() == set(state["layer_groups"]), file, "must fit the model", "other tensors"
    )
    return {"lrs": lrs, "tensors": tensors}


def _is_number(value: object) -> bool:
    """A finite float, or an integer that fits one (JSON has integers of any length); bool is no number here."""
    if type(value) is int:
        return abs(value) < 2**53
    return type(value) is float and math.isfinite(value)


def _are_bounds(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and 0 < value[0] <= value[1]


def _is_written(value: object, layer_groups: list[str]) -> bool:
    """What `hf_metalr.engine.written_rates` remembers: rates of every layer group, and factors of some."""
    if not isinstance(value, dict) or value.get("style") not in (None, "schedule", "factor"):
        return False
    for name in ("units", "scheduled", "moved", "left", "factors"):
        rates = value.get(name)
        if not isinstance(rates, dict) or not all(_is_number(lr) and lr >= 0 for lr in rates.values()):
            return False
        if rates.keys() - set(layer_groups) or (name != "factors" and len(rates) < len(layer_groups)):
            return False
    return True


def _is_cost(value: object) -> bool:
    if value is None:  # written before it was kept
        return True
    return isinstance(value, dict) and all(
        name in value and (value[name] is None or (_is_number(value[name]) and value[name] >= 0))
        for name in ("train_seconds", "metalr_seconds")
    )


def _are_moments(first: float, second: float, steps: float, most_steps: int) -> bool:
    # Agreements lie within [-1, 1]; by Cauchy and Schwarz |first| is at most 2.4 √second at decays of 0.9 and 0.99.
    in_range = abs(first) <= 1 and 0 <= second <= 1 and abs(first) <= 3 * math.sqrt(second)
    return in_range and type(steps) is int and 1 <= steps <= most_steps


def _require(condition: bool, path: Path, rule: str, found: object) -> None:
    if not condition:
        raise InputError(None, f"{path}: {rule}; found {str(found)[:80]}: {_WAY_OUT}")
