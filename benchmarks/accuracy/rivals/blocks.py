"""One block of the network at a time (Lee et al., arXiv 2210.11466: "surgical" fine-tuning)."""

from collections.abc import Sequence

from transformers import Trainer

from benchmarks.accuracy.task import Task, make_trainer
from hf_metalr.layer_groups import make_layer_groups

BODY_BLOCKS = 5


def blocks(layer_groups: Sequence[str]) -> dict[str, list[str]]:
    """Return layer groups by block: runs as equal as possible, ``block1`` at the input to ``block5``, then ``head``.

    Args:
        layer_groups: names from input to output, the head last.

    Raises:
        ValueError: too few layer groups to fill every block.

    >>> blocks(["stem", "layer.0", "layer.1", "layer.2", "layer.3", "norm", "head"])["block1"]
    ['stem']
    """
    body, head = list(layer_groups[:-1]), layer_groups[-1]
    if len(body) < BODY_BLOCKS:
        raise ValueError(f"blocks need at least {BODY_BLOCKS + 1} layer groups; found {len(layer_groups)}.")
    bounds = [index * len(body) // BODY_BLOCKS for index in range(BODY_BLOCKS + 1)]
    runs = {f"block{index + 1}": body[bounds[index] : bounds[index + 1]] for index in range(BODY_BLOCKS)}
    return runs | {"head": [head]}


def block_only(task: Task) -> Trainer:
    """Tune one block, all other parameters as they came. Settings: ``block``, ``schedule``.

    Batch statistics move everywhere, as with every method that tunes the whole network: blocks are compared with one
    another, and the statistics should not make the difference.

    Raises:
        ValueError: the network has no such block.
    """
    settings = task.settings(block=None, schedule="constant")
    groups = {group.name: group.parameter_names for group in make_layer_groups(task.network)}
    named = blocks(list(groups))
    if settings["block"] not in named:
        raise ValueError(f"block must be one of {', '.join(named)}; found {settings['block']!r}.")
    free = {name for group in named[settings["block"]] for name in groups[group]}
    for name, parameter in task.network.named_parameters():
        parameter.requires_grad_(name in free)
    trainer = make_trainer(task, {"lr_scheduler_type": settings["schedule"]})
    trainer.train()
    return trainer
