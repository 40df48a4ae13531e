"""One of two processes that train a model sharded by torch's `fully_shard`. Usage: fsdp2_worker.py OUTPUT_DIR."""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from hf_metalr.engine import MetaLR
from tests.engine.problem import LAYER_GROUPS, loss_on, make_batch, make_model, plain_config


def halved(batch: tuple, rank: int, world_size: int) -> tuple:
    return tuple(part.chunk(world_size)[rank] for part in batch)


def train(estimator: str, lr_update: str, sharded: bool) -> dict[str, dict]:
    rank, world_size = (dist.get_rank(), dist.get_world_size()) if sharded else (0, 1)
    model = make_model()
    if sharded:
        mesh = init_device_mesh("cpu", (world_size,))
        for layer in model:
            if any(True for _ in layer.parameters()):
                fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
        assert all(isinstance(parameter, DTensor) for parameter in model.parameters())
    optimizer = torch.optim.AdamW(model.parameters(), lr=2.5e-4, foreach=True)

    def mean(values: torch.Tensor) -> torch.Tensor:
        values = values.clone()
        dist.all_reduce(values)
        return values / world_size

    engine = MetaLR(
        model,
        optimizer,
        lambda: loss_on(halved(make_batch(700 + engine.step), rank, world_size))(model),
        plain_config(lr_update, estimator=estimator, hyper_lr=0.1, trust_region=True),
        layer_groups=LAYER_GROUPS,
        reduce_mean=mean if sharded else None,
        rank=rank,
    )
    for step in range(6):
        optimizer.zero_grad()
        loss_on(halved(make_batch(step), rank, world_size))(model).backward()
        optimizer.step()
    return {"rates": engine.learning_rates, "bounds": engine.lr_bounds}


def main(output_dir: Path) -> None:
    dist.init_process_group("gloo")
    cases = [(e, u) for e in ("lookahead", "next_batch") for u in ("proportional", "log_adam")]
    result = {
        "world_size": dist.get_world_size(),
        "runs": {f"{e} {u}": [train(e, u, sharded=True), train(e, u, sharded=False)] for e, u in cases},
    }
    (output_dir / f"rank-{dist.get_rank()}.json").write_text(json.dumps(result))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
