"""Does a ranking agree with fine-tuning? Real networks and their random twins on real images.

Run: python -m benchmarks.ranking TRUTH.jsonl --assets FOLDER … --out FOLDER

TRUTH holds fine-tuned results of `benchmarks.accuracy.grid`. For each data set in it, the same networks with the same
training images, image size and random weights are ranked without training. The truth of a network is the test balanced
accuracy at the learning rate that is best on validation; how agreement is measured stands in `benchmarks/agreement.py`.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset, Features, Image, Value
from PIL import Image as Pillow

from benchmarks.accuracy.assets import Assets, parse_folders
from benchmarks.accuracy.backbones import BACKBONES, load_splits, make_network
from benchmarks.accuracy.store import read_results
from benchmarks.accuracy.subsets import stratified_subset
from benchmarks.agreement import CLEAR, TWIN, Numbers, Truth, agreement, regret, twins
from hf_metalr.features import LAST_HIDDEN_STATE, pooled_features
from hf_metalr.ranking import Ranking, rank_backbones
from hf_metalr.scores import gaussian_bhattacharyya_coefficient, h_score, trans_rate
from hf_metalr.tables import markdown_table

OTHER_SCORES = (h_score, trans_rate, gaussian_bhattacharyya_coefficient)


def read_truth(results: Sequence[Mapping[str, Any]]) -> tuple[Truth, dict[str, int]]:
    """Return the test figure at the best rate on validation, mean over seeds, and the training size of each set."""
    runs: dict[tuple[str, str, int], list[Mapping[str, Any]]] = defaultdict(list)
    sizes: dict[str, int] = {}
    for result in results:
        cell = result["cell"]
        if result["test"] is not None and cell["method"] == "adamw":
            name = cell["backbone"] + ("" if cell["pretrained"] else TWIN)
            runs[cell["dataset"], name, cell["seed"]].append(result)
            sizes[cell["dataset"]] = cell["size"]
    chosen: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    rates: dict[tuple[str, str], int] = defaultdict(int)
    for (dataset, name, _), found in runs.items():
        rates[dataset, name] = max(rates[dataset, name], len(found))
    for (dataset, name, _), found in runs.items():
        if len(found) < rates[dataset, name]:
            continue  # a seed whose grid is not finished would count as worse than it is
        best = max(found, key=lambda result: result["validation"]["balanced_accuracy"])
        chosen[dataset][name].append(best["test"]["balanced_accuracy"])
    return {
        dataset: {name: float(np.mean(values)) for name, values in of_networks.items()}
        for dataset, of_networks in chosen.items()
    }, sizes


def training_images(dataset: str, backbone: str, size: int | str, assets: Assets) -> Dataset:
    """Return the training images of seed 0, of the size that the network is fine-tuned at."""
    split = stratified_subset(load_splits(backbone, dataset, assets)["train"], size, seed=0)
    pixels = split.inputs.permute(0, 2, 3, 1).numpy()
    images = [Pillow.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image) for image in pixels]
    labels = ClassLabel(num_classes=int(split.labels.max()) + 1)
    features = Features({"image": Image(), "label": labels, "row": Value("int64")})
    columns = {"image": images, "label": split.labels.tolist(), "row": list(range(len(images)))}
    return Dataset.from_dict(columns, features=features)


def to_inputs(backbone: str) -> Callable[[list[Pillow.Image]], torch.Tensor]:
    """Return the processor that fine-tuning uses, without augmentation."""
    known = BACKBONES[backbone]

    def process(images: list[Pillow.Image]) -> torch.Tensor:
        pixels = torch.tensor(np.stack([np.asarray(image) for image in images]), dtype=torch.float32)
        return ((pixels - torch.tensor(known.mean)) / torch.tensor(known.std)).permute(0, 3, 1, 2)

    return process


def score(dataset: str, networks: Sequence[str], size: int | str, assets: Assets) -> dict[str, dict[str, float]]:
    """Rank each network with its twin; return score -> network -> value. One ranking per image size, since their
    images differ."""
    by_side: dict[int | None, list[str]] = defaultdict(list)
    for name in dict.fromkeys(network.removesuffix(TWIN) for network in networks):
        by_side[BACKBONES[name].side].append(name)
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for names in by_side.values():
        data = training_images(dataset, names[0], size, assets)
        classes = data.features["label"].num_classes
        models = {
            name + suffix: (make_network(name, classes, not suffix, 0, assets), to_inputs(name))
            for name in names
            for suffix in ("", TWIN)
            if name + suffix in networks
        }
        for name, values in (numbers(rank_backbones(models, data)) | other_scores(models, data)).items():
            found[name] |= values
    return found


def other_scores(models: Mapping[str, tuple[torch.nn.Module, Any]], data: Dataset) -> dict[str, dict[str, float]]:
    """Return the scores that `rank_backbones` leaves out. LEEP and NCE need a trained source head, which twins lack."""
    labels = torch.tensor(data["label"])
    found: dict[str, dict[str, float]] = {function.__name__: {} for function in OTHER_SCORES}
    for name, (module, process) in models.items():
        batches = [process([row.convert("RGB") for row in data[i : i + 32]["image"]]) for i in range(0, len(data), 32)]
        inputs = batches if not hasattr(module, "config") else [{"pixel_values": batch} for batch in batches]
        features = pooled_features(module, inputs, [LAST_HIDDEN_STATE])[LAST_HIDDEN_STATE]
        for function in OTHER_SCORES:
            found[function.__name__][name] = function(features, labels)
    return found


def numbers(ranking: Ranking) -> dict[str, dict[str, float]]:
    """Return score -> network -> value: of the last hidden state, of the best layer, of the mean over layers."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for model in ranking.models:
        for name, value in model.scores.items():
            best, mean = model.best_layer(name), model.mean_over_layers(name)
            found[name][model.name] = value.value if value.value is not None else np.inf
            found[f"{name}, best layer"][model.name] = best[1] if best else np.inf
            found[f"{name}, mean of layers"][model.name] = mean if mean is not None else np.inf
        found["parameters"][model.name] = float(model.parameters)
    return found


def report(truth: Truth, values: Numbers) -> str:
    """Return the tables as Markdown."""
    rows = []
    for name in dict.fromkeys(name for of_scores in values.values() for name in of_scores):
        tau, low, high = agreement(truth, values, name, lambda network: True)
        trained, trained_low, trained_high = agreement(truth, values, name, lambda network: not network.endswith(TWIN))
        cells = [f"{tau:.2f} [{low:.2f}, {high:.2f}]", f"{trained:.2f} [{trained_low:.2f}, {trained_high:.2f}]"]
        rows.append([name, twins(truth, values, name), *cells, f"{regret(truth, values, name):.3f}"])
    header = ["score", "twins told apart", "weighted τ, all", "weighted τ, pre-trained", "regret of the first pick"]
    finals = [name for name in next(iter(values.values())) if ", " not in name and name != "parameters"]
    single = [
        [dataset, network, f"{result:.3f}", *(f"{values[dataset][name][network]:.3f}" for name in finals)]
        for dataset, of_networks in truth.items()
        for network, result in of_networks.items()
    ]
    return (
        f"# Rankings against fine-tuning\n\n{markdown_table(header, rows)}\n\n"
        f"{len(truth)} data sets, {sum(map(len, truth.values()))} fine-tuned networks. Twins count where fine-tuned "
        f"results differ by more than {CLEAR}. Brackets: 95 % by bootstrap over data sets and networks.\n\n"
        f"## Each network\n\n{markdown_table(['data set', 'network', 'fine-tuned', *finals], single)}\n"
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Score what the truth holds, and write `ranking.md` and `ranking.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", type=Path, help="JSON lines of the accuracy benchmark, with test results")
    parser.add_argument("--assets", nargs="*", default=[], help="folders with images and networks")
    parser.add_argument("--cache", type=Path, default=Path("outputs/decoded-images"), help="for decoded images")
    parser.add_argument("--out", type=Path, required=True, help="a folder")
    options = parser.parse_args(argv)
    assets = Assets(parse_folders(options.assets), options.cache)
    truth, sizes = read_truth(read_results(options.truth))
    values = {}
    for dataset, networks in truth.items():
        values[dataset] = score(dataset, list(networks), sizes[dataset], assets)
        print(f"{dataset}: {len(networks)} networks", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "ranking.json").write_text(
        json.dumps({"truth": truth, "scores": values}, indent=1), encoding="utf-8"
    )
    (options.out / "ranking.md").write_text(report(truth, values), encoding="utf-8")
    print(report(truth, values))


if __name__ == "__main__":
    main()
