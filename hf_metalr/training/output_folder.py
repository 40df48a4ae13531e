"""The folder that a run writes into: it can be made and written, and holds nothing of value that would be lost."""

import logging
import os
import re
import shutil
from pathlib import Path

from hf_metalr.errors import InputError, Parameter
from hf_metalr.hub import LEARNED_RATES_NAME

logger = logging.getLogger(__name__)

_NAME = "output_dir"
_CHECKPOINT = re.compile(r"checkpoint-\d+")
# What is written at the end of a run: any one of them tells a finished one.
_RESULTS = ("metrics.json", LEARNED_RATES_NAME)
_WEIGHTS = re.compile(r"(model|adapter_model|pytorch_model)([.-].*)?\.(safetensors|bin)(\.index\.json)?")
_CONFIGURATIONS = ("config.json", "adapter_config.json")
# Of a run that ended before its first checkpoint: worth nothing, and written anew.
_BEGINNINGS = {"run.json", "splits.json", "metalr_history.jsonl"}


def require_free(folder: Path, resume: bool, *, overwrite: bool = False) -> None:
    """Refuse an output folder that cannot be made or written, or that holds an earlier run's results.

    Other files are no obstacle; that they stay is told.

    Args:
        folder: where a run is to write; it need not exist.
        resume: whether the run goes on from what is there.
        overwrite: whether what an earlier run left may be written over; see `remove_checkpoints`.

    Raises:
        InputError: `output_dir`, or `resume` where a finished run has left no checkpoint to go on from.
    """
    _require_writable(folder)
    names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    checkpoints = [name for name in names if _CHECKPOINT.fullmatch(name)]
    finished = _finished(names)
    if overwrite or (resume and checkpoints):
        return
    if resume and finished:
        raise InputError(
            "resume",
            f"needs a checkpoint to go on from, but '{folder}' holds a finished run without one ({finished}), which "
            "would be trained anew. Choose another ",
            Parameter(_NAME),
            ", or start from its model.",
        )
    if checkpoints:
        raise InputError(
            _NAME,
            f"must hold no other run, but '{folder}' has checkpoints of one ({checkpoints[-1]}). Go on from them with ",
            Parameter("resume"),
            ", choose another folder, or write over them with ",
            Parameter("overwrite"),
            ".",
        )
    if finished:
        raise InputError(
            _NAME,
            f"must hold no other model, but '{folder}' has a finished one ({finished}), which would be lost. Choose "
            "another folder, or write over it with ",
            Parameter("overwrite"),
            ".",
        )
    if "README.md" in names and "run.json" not in names:
        raise InputError(
            _NAME,
            f"must not hold a README.md that is no run's, found one in '{folder}': the model card is written there. "
            "Choose another folder, or write over it with ",
            Parameter("overwrite"),
            ".",
        )
    _tell_what_stays(folder, names)


def remove_checkpoints(folder: Path) -> list[str]:
    """Delete the checkpoints of an earlier run, for one that writes over it; return their names.

    Left there, their higher numbers would have the new run's own deleted in their place, and resumed later.
    """
    found = [entry for entry in sorted(folder.iterdir()) if _CHECKPOINT.fullmatch(entry.name) and entry.is_dir()]
    for checkpoint in found:
        shutil.rmtree(checkpoint)
    if found:
        logger.warning(f"'{folder}': {len(found)} checkpoints of an earlier run were deleted")
    return [checkpoint.name for checkpoint in found]


def _require_writable(folder: Path) -> None:
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists() or place.is_symlink())
    if not there.is_dir():
        kind = "a link to nothing" if there.is_symlink() and not there.exists() else "a file"
        raise InputError(_NAME, f"must be a folder or a new one, found '{folder}', but '{there}' is {kind}.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(_NAME, f"must be writable, found '{folder}': '{there}' may not be written. Choose another.")


def _finished(names: list[str]) -> str:
    """Name in words what tells that a run ended here, or that a model was saved; empty where nothing does."""
    results = [name for name in _RESULTS if name in names]
    weights = [name for name in names if _WEIGHTS.fullmatch(name)]
    configurations = [name for name in _CONFIGURATIONS if name in names]
    model = [*configurations, *weights[:1]] if configurations and weights else []
    return ", ".join([*model, *results])


def _tell_what_stays(folder: Path, names: list[str]) -> None:
    others = [name for name in names if name not in _BEGINNINGS]
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        logger.info(f"'{folder}' is not empty: {others[0]!r}{more} stay where they are")
