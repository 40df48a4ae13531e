"""The engine's part of a checkpoint: `metalr_state.json`, and the parameters before the last step as safetensors.

The learned rates themselves are in ``optimizer.pt`` and ``scheduler.pt``. Files may come from anywhere, so everything
is checked before anything is used.
"""

import json
import math
import os
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError

from hf_metalr.engine import MetaLR

STATE_NAME = "metalr_state.json"
# With the present parameters they make the pending displacement.
PREVIOUS_PARAMETERS_NAME = "metalr_previous_parameters.safetensors"


def save_engine_state(engine: MetaLR, checkpoint: str | os.PathLike[str]) -> None:
    """Write the engine's state into a checkpoint folder."""
    state = engine.state_dict()
    tensors = {name: tensor.contiguous() for name, tensor in state["displacements"].pop("tensors").items()}
    if tensors:
        safetensors.torch.save_file(tensors, Path(checkpoint) / PREVIOUS_PARAMETERS_NAME)
    (Path(checkpoint) / STATE_NAME).write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")


def read_engine_state(engine: MetaLR, checkpoint: str | os.PathLike[str]) -> dict[str, Any]:
    """Read and check the engine's state from a checkpoint folder, for ``engine.load_state_dict``.

    Raises:
        ValueError: the files are missing, damaged, or of another estimator, update rule or grouping.
    """
    path = Path(checkpoint) / STATE_NAME
    if not path.is_file():
        raise ValueError(
            f"resume_from_checkpoint={str(checkpoint)!r} holds no {STATE_NAME}: it was written without learned rates, "
            "or with save_only_model=True, which drops them. Resume with meta_estimator='off', or start a new run from "
            "its model."
        )
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid JSON ({error}): {_WAY_OUT}") from error
    _require(isinstance(state, dict), path, "must hold a JSON object", state)
    _require(isinstance(state.get("config"), dict), path, "must have the object 'config'", state.get("config"))
    _require(isinstance(state.get("layer_groups"), list), path, "must list 'layer_groups'", state.get("layer_groups"))
    engine.require_fitting(state)
    _require_counts_and_rule(state, path)
    state["displacements"] = _read_displacements(engine, state, path)
    return state


def refuse_learned_checkpoint(checkpoint: str | os.PathLike[str] | None) -> None:
    """Raise a ValueError if a run without learned rates is to go on from a checkpoint that has them."""
    if checkpoint is not None and (Path(checkpoint) / STATE_NAME).is_file():
        raise ValueError(
            f"resume_from_checkpoint={str(checkpoint)!r} was written with learned rates, and this run has "
            "meta_estimator='off': its optimizer has other param groups. Resume with the estimator of the "
            "checkpoint, or start a new run from its model."
        )


_WAY_OUT = "the checkpoint is damaged or was edited; resume from an earlier one."


def _require_counts_and_rule(state: dict[str, Any], path: Path) -> None:
    for name in ("step", "skipped"):
        found = state.get(name)
        _require(type(found) is int and found >= 0, path, f"{name!r} must be an integer of at least 0", found)
    rule = state.get("rule")
    _require(isinstance(rule, dict), path, "must have the object 'rule'", rule)
    for group, values in state["rule"].items():
        known = group in state["layer_groups"]
        sound = isinstance(values, list) and len(values) == 3 and all(map(_is_number, values))
        _require(
            known and sound and values[1] >= 0 and values[2] >= 1,
            path,
            "'rule' must map layer groups to [first moment, second moment >= 0, steps >= 1]",
            {group: values},
        )


def _read_displacements(engine: MetaLR, state: dict[str, Any], path: Path) -> dict[str, Any]:
    found = state.get("displacements")
    lrs = found.get("lrs") if isinstance(found, dict) else None
    _require(
        isinstance(lrs, dict) and all(_is_number(lr) and lr >= 0 for lr in lrs.values()),
        path,
        "'displacements' must hold 'lrs', an object of rates",
        found,
    )
    if not lrs:
        return {"lrs": {}, "tensors": {}}
    file = path.with_name(PREVIOUS_PARAMETERS_NAME)
    try:
        tensors = safetensors.torch.load_file(file)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{file} cannot be read ({error}): {_WAY_OUT}") from error
    expected = engine.displacement_shapes()
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    _require(
        shapes == expected and lrs.keys() == set(state["layer_groups"]), file, "must fit the model", "other tensors"
    )
    return {"lrs": lrs, "tensors": tensors}


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]  # bool is no number here


def _require(condition: bool, path: Path, rule: str, found: object) -> None:
    if not condition:
        raise ValueError(f"{path}: {rule}; found {str(found)[:80]}: {_WAY_OUT}")
