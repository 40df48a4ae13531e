"""One process of several training runs; `torchrun` starts several processes.

Usage: worker.py OUTPUT_DIR SCENARIOS_JSON.

For each scenario, a name with settings, it writes `NAME/rank-R.json` (world size, learned rates, all-reduce sizes) and
`NAME/rank-R.pt` (weights). One launch for all: starting Python and torch takes longer than the training.
"""

import json
import os
import sys
from pathlib import Path

os.environ["ACCELERATE_USE_CPU"] = "true"

import torch
from torch.utils.data import SequentialSampler

torch.set_num_threads(1)

from hf_metalr.processes import end_process_group
from hf_metalr.trainer import console
from tests.trainer.tiny import (
    Images,
    Texts,
    make_bert,
    make_convnext,
    make_gpt2,
    make_trainer,
    make_vit,
    masked_language,
)


class Counted:
    """Counts the elements of every `torch.distributed.all_reduce`; DDP's own run in C++ and are not among them."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.original = torch.distributed.all_reduce

    def __call__(self, tensor: torch.Tensor, *args: object, **kwargs: object) -> object:
        self.sizes.append(tensor.numel())
        return self.original(tensor, *args, **kwargs)


def main(output_dir: Path, scenarios: dict[str, dict]) -> None:
    for name, settings in scenarios.items():
        run(output_dir / name, settings)


def run(output_dir: Path, settings: dict) -> None:
    size, repeat = settings.pop("train_size", 48), settings.pop("repeat_first", 0)
    images = Images(size)
    train = [images[i] for i in (*range(size), *range(repeat))]
    meta = settings.pop("meta_size", None)
    kind = settings.pop("model", "vit")
    makers = {"convnext": make_convnext, "gpt2": make_gpt2, "bert": make_bert, "vit": lambda: make_vit(dropout=0.0)}
    model = makers[kind]()
    unlabelled = range(2, 4)  # in batches of two, the first one of the second process
    if kind == "gpt2":
        train = masked_language(unlabelled)
    elif kind == "bert":
        train = [Texts(48)[i] | ({"labels": -100} if i in unlabelled else {}) for i in range(48)]
    poisoned = settings.pop("poisoned_rank", None)
    in_order = settings.pop("in_order", False)
    trainer = make_trainer(
        output_dir, model, train, meta_dataset=None if meta is None else Images(meta, seed=9), **settings
    )
    if in_order:  # train_sampling_strategy="sequential", which came after Transformers 5.0
        trainer._get_train_sampler = lambda *_: SequentialSampler(train)
    rank = trainer.args.process_index
    if poisoned == rank:
        healthy = trainer.compute_loss

        def compute_loss(model, inputs, *args, **kwargs):
            meta = "num_items_in_batch" not in kwargs
            loss = healthy(model, inputs, *args, **kwargs)
            return loss * float("nan") if meta else loss

        trainer.compute_loss = compute_loss
    warnings: list[str] = []
    console.logger.warning = warnings.append
    counted = torch.distributed.all_reduce = Counted()
    trainer.train()
    torch.distributed.all_reduce = counted.original
    output_dir.mkdir(parents=True, exist_ok=True)
    groups = len(trainer.learning_rates)
    result = {
        "world_size": trainer.args.world_size,
        "backend_world_size": torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1,
        "wrapped": type(trainer.model_wrapped).__name__,
        "learning_rates": trainer.learning_rates,
        "lr_bounds": trainer.metalr.lr_bounds if trainer.metalr is not None else {},
        "warnings": warnings,
        "skipped": trainer.metalr.skipped if trainer.metalr is not None else 0,
        "group_count": groups,
        "all_reduces": counted.sizes,
        "heeds_item_count": trainer.model_accepts_loss_kwargs,
        "reported": trainer.transferability_profile is not None,
        "metalr_seconds": trainer._cost.metalr_seconds,
        "train_seconds": trainer._cost.state_dict()["train_seconds"],
    }
    (output_dir / f"rank-{rank}.json").write_text(json.dumps(result))
    torch.save(trainer.model.state_dict(), output_dir / f"rank-{rank}.pt")


if __name__ == "__main__":
    from hf_metalr.processes import end_process_group

    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
    end_process_group()
    end_process_group()
