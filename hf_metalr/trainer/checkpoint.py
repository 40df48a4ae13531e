"""The engine's part of a checkpoint: `metalr_state.json`, and the pending displacement as safetensors.

The learned rates themselves are in ``optimizer.pt`` and ``scheduler.pt``.
"""

import json
import os
from pathlib import Path

import safetensors.torch

from hf_metalr.engine import MetaLR

STATE_NAME = "metalr_state.json"
DISPLACEMENTS_NAME = "metalr_displacements.safetensors"


def save_engine_state(engine: MetaLR, checkpoint: str | os.PathLike[str]) -> None:
    """Write the engine's state into a checkpoint folder."""
    state = engine.state_dict()
    tensors = {name: tensor.contiguous() for name, tensor in state["displacements"].pop("tensors").items()}
    if tensors:
        safetensors.torch.save_file(tensors, Path(checkpoint) / DISPLACEMENTS_NAME)
    (Path(checkpoint) / STATE_NAME).write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")


def load_engine_state(engine: MetaLR, checkpoint: str | os.PathLike[str]) -> None:
    """Restore the engine from a checkpoint folder.

    Raises:
        ValueError: the state is of another estimator, rule or grouping.
    """
    state = json.loads((Path(checkpoint) / STATE_NAME).read_text(encoding="utf-8"))
    tensors = Path(checkpoint) / DISPLACEMENTS_NAME
    state["displacements"]["tensors"] = safetensors.torch.load_file(tensors) if tensors.exists() else {}
    engine.load_state_dict(state)


def require_engine_state(checkpoint: str | os.PathLike[str]) -> None:
    """Raise a ValueError if a checkpoint was written without learned rates."""
    if not (Path(checkpoint) / STATE_NAME).is_file():
        raise ValueError(
            f"resume_from_checkpoint={str(checkpoint)!r} holds no {STATE_NAME}: it was written without learned rates, "
            "or with "
            "save_only_model=True, which drops them. Resume with meta_estimator='off', or start a new run from its "
            "model."
        )
