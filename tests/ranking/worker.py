"""One process of a ranking; `torchrun` starts several. Usage: worker.py OUTPUT_DIR MODEL CACHE_DIR."""

import json
import os
import sys
from pathlib import Path

os.environ["ACCELERATE_USE_CPU"] = "true"

import torch

torch.set_num_threads(1)

from hf_metalr.ranking import rank_backbones
from hf_metalr.ranking.parallel import process_state
from hf_metalr.ranking.scoring import H_SCORE, LEEP, LINEAR_PROBE
from tests.ranking.test_bad_input import spoiled
from tests.ranking.tiny import image_data


def main(output_dir: Path, model: str, cache: Path) -> None:
    settings = {"scores": [LINEAR_PROBE, H_SCORE, LEEP], "batch_size": 7, "random_twins": True, "cache_dir": cache}
    first = rank_backbones([model], image_data(), **settings)
    second = rank_backbones([model], image_data(), **settings)
    few = rank_backbones([model], image_data(), **(settings | {"batch_size": 48, "cache_dir": None}))
    try:
        rank_backbones([model], spoiled(40, lambda whole: whole[: len(whole) // 2], count=48), **settings)
        error = "none"
    except ValueError as found:
        error = str(found)
    state = process_state()
    backend = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
    result = {
        "world_size": [state.num_processes, backend],
        "ranking": first.to_dict(),
        "again": second.to_dict(),
        "one batch": few.to_dict(),
        "error": error,
        "cached": len(list(cache.iterdir())),
    }
    (output_dir / f"rank-{state.process_index}.json").write_text(json.dumps(result))


if __name__ == "__main__":
    from hf_metalr.processes import end_process_group

    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    end_process_group()
