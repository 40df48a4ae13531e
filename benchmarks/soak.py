"""The long form of the fault suite: random kills, and memory over thousands of steps.

    python -m benchmarks.soak kills --kills 20 --out results.jsonl
    python -m benchmarks.soak memory --steps 5000 --out results.jsonl

`kills` trains a small network twice per estimator: once undisturbed, and once killed with SIGKILL at random moments,
each time resumed from the last complete checkpoint. It compares weights, rates and history bit for bit. `memory` trains
for thousands of steps and reports how the resident memory of the process grows.
"""

import argparse
import gc
import json
import multiprocessing
import os
import random
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from transformers import ViTConfig, ViTForImageClassification, set_seed
from transformers.utils import logging

from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments
from hf_metalr.engine.history import HISTORY_NAME
from hf_metalr.trainer.recovery import last_complete_checkpoint

ESTIMATORS = ("lookahead", "next_batch")


def build(folder: Path, estimator: str, steps: int, **settings: Any) -> MetaLRTrainer:
    """Return a trainer of a small ViT with dropout on synthetic images."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    set_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = ViTConfig(image_size=16, patch_size=8, num_labels=3, hidden_dropout_prob=0.1, **sizes)
    generator = torch.Generator().manual_seed(0)
    data = [{"pixel_values": torch.randn(3, 16, 16, generator=generator) + i % 3, "labels": i % 3} for i in range(64)]
    args = MetaLRTrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=4,
        learning_rate=1e-3,
        lr_update="log_adam",
        meta_estimator=estimator,
        use_cpu=True,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        logging_steps=steps,
        **settings,
    )
    return MetaLRTrainer(model=ViTForImageClassification(config), args=args, train_dataset=data)


def train(folder: Path, estimator: str, steps: int) -> None:
    """Train to the end, from the last complete checkpoint where there is one."""
    trainer = build(folder, estimator, steps, save_strategy="steps", save_steps=7, save_total_limit=2)
    resume = folder.is_dir() and last_complete_checkpoint(folder) is not None
    trainer.train(resume_from_checkpoint=True if resume else None)
    torch.save(trainer.model.state_dict(), folder / "final.pt")


def kills(estimator: str, count: int, steps: int, seed: int) -> dict[str, Any]:
    """Kill one run ``count`` times at random moments and compare it with a straight one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.soak"])
    root = Path(tempfile.mkdtemp(prefix="soak-"))
    moments = random.Random(seed)

    def start(folder: Path) -> Any:
        process = context.Process(target=train, args=(folder, estimator, steps))
        process.start()
        return process

    def finish(folder: Path) -> None:
        process = start(folder)
        process.join()

    finish(root / "warm-up")  # the fork server imports the libraries
    began = time.monotonic()
    finish(root / "straight")
    duration = time.monotonic() - began
    killed = cut_short = 0
    reached: list[int] = []  # kills that come before any progress would prove nothing
    while killed < count and not (root / "killed" / "final.pt").exists():
        process = start(root / "killed")
        process.join(moments.uniform(0.02, 0.1) * duration)
        if process.exitcode is not None:
            break  # it got to its end before the kill
        process.kill()
        process.join()
        killed += 1
        folders = list((root / "killed").glob("checkpoint-*")) if (root / "killed").is_dir() else []
        newest = max((int(path.name.split("-")[1]) for path in folders), default=None)
        whole = last_complete_checkpoint(root / "killed") if folders else None
        cut_short += newest is not None and whole != str(root / "killed" / f"checkpoint-{newest}")
        reached.append(int(whole.rpartition("-")[2]) if whole else 0)
    if not (root / "killed" / "final.pt").exists():
        finish(root / "killed")
    weights = [torch.load(root / run / "final.pt", weights_only=True) for run in ("straight", "killed")]
    histories = [(root / run / HISTORY_NAME).read_text() for run in ("straight", "killed")]
    shutil.rmtree(root)
    return {
        "test": "kills",
        "estimator": estimator,
        "kills": killed,
        "killed_inside_checkpoint_writing": cut_short,
        "steps": steps,
        "last_whole_checkpoint_after_each_kill": reached,
        "same_weights": all(torch.equal(value, weights[1][name]) for name, value in weights[0].items()),
        "same_history": histories[0] == histories[1],
    }


def memory(estimator: str, steps: int) -> dict[str, Any]:
    """Train for many steps; return resident memory in MiB at tenths of the way."""
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    trainer = build(folder, estimator, steps, save_strategy="no")
    readings: list[float] = []
    step = trainer.training_step

    def measured(*arguments: Any, **settings: Any) -> Any:
        if trainer.state.global_step % (steps // 10) == 0:
            gc.collect()
            pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
            readings.append(round(pages * resource.getpagesize() / 2**20, 1))
        return step(*arguments, **settings)

    trainer.training_step = measured  # type: ignore[method-assign]
    trainer.train()
    shutil.rmtree(folder)
    return {"test": "memory", "estimator": estimator, "steps": steps, "resident_mib_at_tenths": readings}


def main() -> None:
    """Run what the command line asks for and append one JSON line per result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("test", choices=("kills", "memory"))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=None, help="200 for kills, 5000 for memory")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    for estimator in ESTIMATORS:
        if options.test == "kills":
            result = kills(estimator, options.kills, options.steps or 200, options.seed)
        else:
            result = memory(estimator, options.steps or 5000)
        with options.out.open("a", encoding="utf-8") as out:
            out.write(json.dumps(result) + os.linesep)
        print(json.dumps(result))


if __name__ == "__main__":
    main()
