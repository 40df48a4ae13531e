"""Parameters that are sharded over processes (FSDP2's DTensors): each process sees its own part."""

from torch import Tensor
from torch.distributed.tensor import DTensor


def local(tensor: Tensor) -> Tensor:
    """Return this process's part of a tensor, sharing its memory; the tensor itself where it is not sharded."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def shard_count(tensor: Tensor) -> int:
    """Return over how many processes a tensor is sharded; 1 for a plain or replicated tensor."""
    if not isinstance(tensor, DTensor):
        return 1
    count = 1
    for dimension, placement in enumerate(tensor.placements):
        if placement.is_shard():
            count *= tensor.device_mesh.size(dimension)
    return count
