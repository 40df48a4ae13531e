"""Update rules compared in seconds instead of minutes: small networks, pre-trained here, fine-tuned in a bare loop.

A rule that wins here has earned a run on real networks, nothing more. The networks learn five classes of Fashion-MNIST
first (800 steps), then 400 samples of the other five, of PneumoniaMNIST or of BUSI at 28 × 28 pixels; 100 steps of 16,
AdamW, balanced accuracy on the validation split.

Run: python -m benchmarks.accuracy.sandbox benchmarks/accuracy/sandbox_rules.yaml --assets FOLDER …
"""

import argparse
import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import yaml
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR

from benchmarks.accuracy.assets import Assets, parse_folders
from benchmarks.accuracy.grid import RESULTS
from benchmarks.accuracy.images import load_images
from benchmarks.accuracy.rivals.layer_rates import grouped_adamw
from benchmarks.accuracy.sandbox_networks import WIDTH, SmallCNN, SmallViT
from benchmarks.accuracy.splits import Split
from benchmarks.accuracy.store import open_store
from benchmarks.accuracy.subsets import stratified_subset
from benchmarks.accuracy.variants import DEFAULTS, VariantRule

SIDE, STEPS, BATCH, SIZE, PRETRAINING_STEPS = 28, 100, 16, 400, 800
NETWORKS: dict[str, Callable[[int], nn.Module]] = {"cnn": SmallCNN, "vit": SmallViT}
TASKS = (("cnn", "fashion"), ("vit", "fashion"), ("cnn", "pneumonia"), ("vit", "pneumonia"), ("cnn", "busi"))
FIXED_RATES = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
RATES = (1e-5, 1e-4, 1e-3, 1e-2)


def fine_tune(
    network: str, target: str, rate: float, seed: int, rule: Mapping[str, Any] | None, warmup: int, assets: Assets
) -> float:
    """Return the balanced accuracy after fine-tuning; ``rule=None`` keeps the rate fixed."""
    splits = _target(target, assets)
    train, validation = stratified_subset(splits["train"], SIZE, seed), splits["validation"]
    weights = _pretrained(network, assets)  # which may draw numbers, so before the seed
    torch.manual_seed(seed)
    model = NETWORKS[network](5)
    model.load_state_dict(weights)
    model.fc = nn.Linear(WIDTH, int(splits["train"].labels.max()) + 1)
    nn.init.normal_(model.fc.weight, std=0.02)
    nn.init.zeros_(model.fc.bias)
    optimizer = grouped_adamw(model, rate)
    mover = None if rule is None else VariantRule(optimizer, DEFAULTS | dict(rule))
    scheduler = LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / warmup)) if warmup else None
    generator = torch.Generator().manual_seed(seed)
    order: list[int] = []
    model.train()
    for step in range(STEPS):
        if len(order) < BATCH:
            order = torch.randperm(len(train), generator=generator).tolist()
        rows = [order.pop() for _ in range(BATCH)]
        pixels = _normalised(train.inputs[rows])
        if torch.rand((), generator=generator) < 0.5:
            pixels = pixels.flip(-1)
        optimizer.zero_grad()
        F.cross_entropy(model(pixels), train.labels[rows]).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if mover is not None:
            mover.before_step(step, scheduler)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return _balanced_accuracy(model, validation)


@torch.no_grad()
def _balanced_accuracy(model: nn.Module, split: Split) -> float:
    answers = torch.nan_to_num(model.eval()(_normalised(split.inputs))).argmax(1)
    recalls = [(answers[split.labels == label] == label).float().mean() for label in split.labels.unique()]
    return torch.stack(recalls).mean().item()


def _normalised(pixels: Tensor) -> Tensor:
    return (pixels.float() - 100) / 90


@lru_cache
def _target(name: str, assets: Assets) -> dict[str, Split]:
    if name != "fashion":
        return load_images({"pneumonia": "pneumoniamnist"}.get(name, name), SIDE, assets)
    splits = load_images("fashion_mnist", SIDE, assets)
    return {split: _classes(data, data.labels >= 5, first=5) for split, data in splits.items()}


def _classes(split: Split, chosen: Tensor, first: int) -> Split:
    return Split(split.inputs[chosen], split.labels[chosen] - first, split.groups[chosen])


@lru_cache
def _pretrained(network: str, assets: Assets) -> dict[str, Tensor]:
    """Return a network's weights after learning the first five classes of Fashion-MNIST."""
    torch.manual_seed(0)
    train = load_images("fashion_mnist", SIDE, assets)["train"]
    train = _classes(train, train.labels < 5, first=0)
    pixels = _normalised(train.inputs)
    model = NETWORKS[network](5)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.01)
    scheduler = CosineAnnealingLR(optimizer, PRETRAINING_STEPS)
    for step in range(PRETRAINING_STEPS):
        rows = torch.randint(0, len(pixels), (64,))
        batch = pixels[rows].flip(-1) if step % 2 else pixels[rows]
        optimizer.zero_grad()
        F.cross_entropy(model(batch), train.labels[rows]).backward()
        optimizer.step()
        scheduler.step()
    return model.state_dict()


def main(argv: list[str] | None = None) -> None:
    """Run the rules of a file: name → settings of `VariantRule`, or null for fixed rates; ``warmup`` beside them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rules", type=Path, help="YAML file: name of a rule → its settings")
    parser.add_argument("--assets", nargs="*", default=[], help="folders with image sets")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1])
    parser.add_argument("--out", type=Path, default=RESULTS / "sandbox.jsonl")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    assets = Assets(parse_folders(options.assets))
    rules = yaml.safe_load(options.rules.read_text(encoding="utf-8"))
    with open_store(options.out) as store:
        for seed in options.seeds:
            for name, entry in rules.items():
                _run(name, entry, seed, store, assets)


def _run(name: str, entry: Mapping[str, Any], seed: int, store: Any, assets: Assets) -> None:
    rule, warmup = entry.get("rule"), entry.get("warmup", 0)
    for network, target in TASKS:
        for rate in FIXED_RATES if rule is None and not warmup else RATES:
            cell = {"network": network, "target": target, "rate": rate, "seed": seed, "rule": rule, "warmup": warmup}
            key = hashlib.sha256(json.dumps(cell, sort_keys=True).encode()).hexdigest()[:16]
            if key not in store.keys:
                accuracy = fine_tune(network, target, rate, seed, rule, warmup, assets)
                store.append({"key": key, "name": name, "cell": cell, "balanced_accuracy": round(accuracy, 6)})
                print(f"{name} {network} {target} {rate:g} seed {seed}: {accuracy:.3f}", flush=True)


if __name__ == "__main__":
    main()
