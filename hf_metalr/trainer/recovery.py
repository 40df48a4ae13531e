"""Finding the last checkpoint that was written to its end, after a crash at any moment."""

import json
import re
import zipfile
from pathlib import Path

from safetensors import SafetensorError, safe_open

from hf_metalr.trainer.checkpoint import STATE_NAME

_FOLDER = re.compile(r"checkpoint-(\d+)")
_INCOMPLETE = "checkpoint-is-incomplete.txt"  # Transformers' own mark on a checkpoint made on SIGTERM
_STATE = "trainer_state.json"  # written last


def last_complete_checkpoint(output_dir: str | Path, world_size: int = 1) -> str | None:
    """Return the newest checkpoint folder in which every file is whole; None where there is none.

    The stock look-up takes the highest number, also of a folder that a killed process left half-written.

    Args:
        output_dir: folder of the run.
        world_size: number of processes of a run without learned rates; each writes a file of random states. With
            learned rates the checkpoint says how many there were.
    """
    folders = [(int(match[1]), path) for path in Path(output_dir).iterdir() if (match := _FOLDER.fullmatch(path.name))]
    for _, folder in sorted(folders, reverse=True):
        if is_complete(folder, world_size):
            return str(folder)
    return None


def is_complete(checkpoint: Path, world_size: int = 1) -> bool:
    """Return whether a checkpoint's files are all there and none was cut short."""
    world_size = _recorded_world_size(checkpoint) or world_size
    random_states = [f"rng_state_{rank}.pth" for rank in range(world_size)] if world_size > 1 else []
    only_model = not (checkpoint / "optimizer.pt").exists()
    present = all((checkpoint / name).is_file() for name in [_STATE, *([] if only_model else random_states)])
    return present and not (checkpoint / _INCOMPLETE).exists() and all(map(_is_whole, checkpoint.iterdir()))


def mark_incomplete(checkpoint: Path) -> None:
    """Take away what is written last from a checkpoint that is about to be written anew, over one of an older run."""
    (checkpoint / _STATE).unlink(missing_ok=True)


def _recorded_world_size(checkpoint: Path) -> int | None:
    try:
        state = json.loads((checkpoint / STATE_NAME).read_text(encoding="utf-8"))
        world_size = state["world_size"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return world_size if type(world_size) is int and 0 < world_size < 2**20 else None


def _is_whole(file: Path) -> bool:
    try:
        if file.suffix == ".json":
            json.loads(file.read_text(encoding="utf-8"))
        elif file.suffix == ".safetensors":
            with safe_open(file, framework="pt"):
                pass  # opening compares the header with the size of the file
        elif file.suffix in (".pt", ".pth"):
            return zipfile.is_zipfile(file)  # its directory stands at the end
    except (OSError, ValueError, RecursionError, SafetensorError):
        return False
    return True
