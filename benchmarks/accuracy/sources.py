"""Networks trained on a source before they are adapted: trained once, kept in the cache, their heads kept too.

Run: python -m benchmarks.accuracy.sources mobilenetv2_32px_on_fashion_mnist --assets FOLDER …
"""

import argparse
import fcntl
import json
import os
import tempfile
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import Trainer, set_seed

from benchmarks.accuracy.assets import Assets, parse_folders
from benchmarks.accuracy.backbones import BACKBONES, load_splits, make_network, make_samples
from benchmarks.accuracy.cell import Cell
from benchmarks.accuracy.methods import adamw
from benchmarks.accuracy.task import Task
from hf_metalr.metrics import make_compute_metrics

RATES = (1e-3, 3.16e-3)  # the better one, on validation data, is used
# Fashion-MNIST two thirds over; the small sets four to six times.
STEPS = {"fashion_mnist": 800, "pneumoniamnist": 500, "bccd_cells": 500}


def start_network(backbone: str, classes: int, pretrained: bool, seed: int, assets: Assets) -> nn.Module:
    """Return the network from which a run starts: `make_network`'s, or one trained on its source, head and all.

    Raises:
        ValueError: a network trained on a source is asked for with random weights.
    """
    network = make_network(backbone, classes, pretrained, seed, assets)
    if BACKBONES[backbone].source is not None:
        if not pretrained:
            raise ValueError(f"{backbone} was trained on its source; pretrained must be true, found false.")
        network.load_state_dict(load_file(source_weights(backbone, assets)))
    return network


def source_weights(backbone: str, assets: Assets) -> Path:
    """Return the weights of a network trained on its source, at the rate that does best on validation images.

    Each rate is trained once and kept under the key of its recipe; an interrupted call goes on at the rate where it
    stopped. A second process waits for the first.
    """
    folder = assets.cache / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    trained = [(recipe, folder / f"{recipe.key}.safetensors") for recipe in recipes(backbone)]
    with (folder / f"{backbone}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for recipe, path in trained:
            if not path.exists():
                _train(recipe, path, assets)
    return max((path for _, path in trained), key=accuracy)


def recipes(backbone: str) -> list[Cell]:
    """Return the runs, one for each rate, that train a network on its source."""
    start, source = backbone.partition("_on_")[0], BACKBONES[backbone].source
    if source is None:
        raise ValueError(f"{backbone} is not trained on a source; networks that are end in _on_ and its name.")
    common = {"dataset": f"{source}_source", "size": "all", "backbone": start, "method": "adamw", "batch": 32}
    common |= {"settings": {"schedule": "linear"}, "steps": STEPS[source], "seed": 0}
    return [Cell.from_dict(common | {"rate": rate}) for rate in RATES]


def accuracy(path: Path) -> float:
    """Return the accuracy on the source's validation images that was measured when a network was trained."""
    with safe_open(path, "pt") as file:
        return float(file.metadata()["accuracy"])


def _train(recipe: Cell, path: Path, assets: Assets) -> None:
    splits = load_splits(recipe.backbone, recipe.dataset, assets)
    classes = int(splits["train"].labels.max()) + 1
    network = make_network(recipe.backbone, classes, True, recipe.seed, assets)
    train = make_samples(recipe.backbone, splits["train"], augment=True)
    validation = make_samples(recipe.backbone, splits["validation"], augment=False)
    with tempfile.TemporaryDirectory() as folder:
        set_seed(recipe.seed)
        trainer: Trainer = adamw(Task(recipe, network, train, make_compute_metrics(), folder))
        found = trainer.evaluate(validation)["eval_accuracy"]
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    temporary = path.with_suffix(f".{os.getpid()}")
    save_file(state, temporary, {"accuracy": str(found), "recipe": json.dumps(recipe.to_dict())})
    os.replace(temporary, path)
    print(f"{recipe.backbone} on {recipe.dataset} at {recipe.rate}: validation accuracy {found:.3f}", flush=True)


def main(argv: list[str] | None = None) -> None:
    """Train networks on their sources ahead of a grid."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbones", nargs="+", help="networks with a source")
    parser.add_argument("--assets", nargs="*", default=[], help="folders with image sets and networks")
    parser.add_argument("--cache", type=Path, default=Assets.cache, help="where decoded images and networks are kept")
    options = parser.parse_args(argv)
    from benchmarks.accuracy.run_cell import set_up_worker

    set_up_worker()
    assets = Assets(parse_folders(options.assets), options.cache.resolve())
    for backbone in options.backbones:
        path = source_weights(backbone, assets)
        print(f"{backbone}: {path}, validation accuracy {accuracy(path):.3f}", flush=True)


if __name__ == "__main__":
    main()
