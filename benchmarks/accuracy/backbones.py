"""Real pre-trained networks, and the same networks with random weights, each with a new head drawn from a seed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForImageClassification, AutoModelForSequenceClassification, set_seed

from benchmarks.accuracy.assets import Assets
from benchmarks.accuracy.efficientnet_lite import EfficientNetLite0, without_head
from benchmarks.accuracy.images import load_images
from benchmarks.accuracy.samples import Images, Samples, Texts
from benchmarks.accuracy.shifts import is_shifted, load_shifted
from benchmarks.accuracy.splits import Split
from benchmarks.accuracy.texts import load_texts

# PyTorch's default. Transformers' MobileNetV2 has 0.997, which would evaluate with the last batch's statistics.
BATCH_NORM_MOMENTUM = 0.1
HEAD_STD = 0.02  # of Transformers' own new heads


@dataclass(frozen=True)
class Backbone:
    """How a network is made and what it wants to see.

    Args:
        build: path of the weights, number of classes, whether to load the weights → the network.
        head: name of the linear layer that is made anew.
        side: pixels of a side; a compromise between what the network likes and what two cores can do. None: it reads
            text.
        mean: of the pixels (0 to 255) by channel.
        std: likewise.
        asset: name of its weights, where it differs from its own.
        source: image set on which it was trained further, head included, before any run starts from it; see
            `benchmarks.accuracy.sources`.
    """

    build: Callable[[Path, int, bool], nn.Module]
    head: str
    side: int | None
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    asset: str | None = None
    source: str | None = None


def load_splits(name: str, dataset: str, assets: Assets) -> dict[str, Split]:
    """Return a data set as a network wants to see it."""
    side = BACKBONES[name].side
    if side is None:
        return load_texts(dataset, name, assets)
    return (load_shifted if is_shifted(dataset) else load_images)(dataset, side, assets)


def make_samples(name: str, split: Split, augment: bool) -> Samples:
    """Return what a Trainer reads for a network."""
    backbone = BACKBONES[name]
    if backbone.side is None:
        return Texts(split)
    return Images(split, torch.tensor(backbone.mean), torch.tensor(backbone.std), augment)


def make_network(name: str, num_labels: int, pretrained: bool, seed: int, assets: Assets) -> nn.Module:
    """Return a network in float32 whose head, and with ``pretrained=False`` everything, is drawn from the seed."""
    backbone = BACKBONES[name]
    set_seed(seed)
    network = backbone.build(assets.find(backbone.asset or name), num_labels, pretrained)
    head = network.get_submodule(backbone.head)
    assert isinstance(head, nn.Linear)
    # A pre-trained head of as many classes would be kept otherwise, and the draw should not depend on what was loaded.
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        head.weight.normal_(std=HEAD_STD, generator=generator)
        head.bias.zero_()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = BATCH_NORM_MOMENTUM
    return network.to(memory_format=torch.channels_last)  # a third faster for depthwise convolutions on a CPU


def _transformers(
    path: Path, num_labels: int, pretrained: bool, auto_class: Any = AutoModelForImageClassification, **settings: Any
) -> nn.Module:
    if not pretrained:
        config = AutoConfig.from_pretrained(path, num_labels=num_labels, **settings)
        return auto_class.from_config(config, dtype=torch.float32)
    settings |= {"num_labels": num_labels, "dtype": torch.float32, "ignore_mismatched_sizes": True}
    return auto_class.from_pretrained(path, **settings)


def _mobilenet(path: Path, num_labels: int, pretrained: bool) -> nn.Module:
    return _transformers(path, num_labels, pretrained, classifier_dropout_prob=0.2)  # 0.8 in the published config


def _minilm(path: Path, num_labels: int, pretrained: bool) -> nn.Module:
    return _transformers(path, num_labels, pretrained, AutoModelForSequenceClassification)


def _efficientnet(path: Path, num_labels: int, pretrained: bool) -> nn.Module:
    network = EfficientNetLite0(num_labels)
    if pretrained:
        found = network.load_state_dict(without_head(torch.load(path, weights_only=True)), strict=False)
        if found.unexpected_keys or set(found.missing_keys) != {"_fc.weight", "_fc.bias"}:
            raise ValueError(f"{path} does not hold an EfficientNet-Lite0: {found}.")
    return network


_HALF = (127.5, 127.5, 127.5)
BACKBONES = {
    "mobilenetv2": Backbone(_mobilenet, "classifier", 64, _HALF, _HALF),
    # Half the side: for tests, and for quick comparisons.
    "mobilenetv2_32px": Backbone(_mobilenet, "classifier", 32, _HALF, _HALF, asset="mobilenetv2"),
    "efficientnet_lite0": Backbone(_efficientnet, "_fc", 64, (127.0,) * 3, (128.0,) * 3),
    "efficientnet_lite0_32px": Backbone(
        _efficientnet, "_fc", 32, (127.0,) * 3, (128.0,) * 3, asset="efficientnet_lite0"
    ),
    # ImageNet's mean and deviation; sides must be multiples of the 14-pixel patch.
    "dinov2_small": Backbone(_transformers, "classifier", 56, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "minilm": Backbone(_minilm, "classifier", None),
}
# mobilenetv2_on_fashion_mnist and so on: any network that reads images, trained on any of these sets.
BACKBONES |= {
    f"{name}_on_{source}": replace(backbone, source=source, asset=backbone.asset or name)
    for name, backbone in BACKBONES.items()
    if backbone.side is not None
    for source in ("fashion_mnist", "pneumoniamnist", "bccd_cells")
}
