"""A tiny image classifier whose code lies beside its weights, as models with `trust_remote_code` have it."""

import importlib
import sys
from pathlib import Path

from transformers import ViTImageProcessor

CONFIGURATION = """
from transformers import PretrainedConfig

class OwnConfig(PretrainedConfig):
    model_type = "own-net"

    def __init__(self, width=8, **kwargs):
        self.width = width
        super().__init__(**kwargs)
"""
MODEL = """
import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import ImageClassifierOutput

from .configuration_own import OwnConfig

class {name}(PreTrainedModel):
    config_class = OwnConfig
    main_input_name = "pixel_values"

    def __init__(self, config):
        super().__init__(config)
        widths = [3, config.width, config.width]
        self.layers = nn.ModuleList([nn.Conv2d(a, b, 3, stride=2) for a, b in zip(widths, widths[1:])])
        self.classifier = nn.Linear(config.width, config.num_labels)
        self.post_init()

    def forward(self, pixel_values, labels=None, **kwargs):
        for layer in self.layers:
            pixel_values = torch.relu(layer(pixel_values))
        logits = self.classifier(pixel_values.mean((2, 3)))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return ImageClassifierOutput(loss=loss, logits=logits)
"""
PROCESSOR = """
from transformers import ViTImageProcessor

class OwnProcessor(ViTImageProcessor):
    pass
"""


def save_own_model(
    folder: Path, name: str = "OwnForImageClassification", auto: str | None = "AutoModelForImageClassification"
) -> Path:
    """Save a model whose own code names an auto class for itself (None: no code is saved), and its image processor.

    The code is imported from a package beside the folder, of a name of its own, since classes are kept by name. The
    configuration's differs by the name as well: of two models whose configurations have the same code in folders of
    one name, Transformers takes the class of the first for both.
    """
    package = f"code_of_{folder.name}_{name}_{auto}"
    place = folder.parent / package
    place.mkdir(parents=True)
    for file, text in (
        ("__init__", ""),
        ("configuration_own", f"# of {name}\n{CONFIGURATION}"),
        ("modeling_own", MODEL.format(name=name)),
        ("processing_own", PROCESSOR),
    ):
        (place / f"{file}.py").write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder.parent))
    try:
        config, model, processor = (
            getattr(importlib.import_module(f"{package}.{file}"), class_name)
            for file, class_name in (
                ("configuration_own", "OwnConfig"),
                ("modeling_own", name),
                ("processing_own", "OwnProcessor"),
            )
        )
    finally:
        sys.path.remove(str(folder.parent))
    kind = ViTImageProcessor
    if auto is not None:
        config.register_for_auto_class()
        model.register_for_auto_class(auto)
        processor.register_for_auto_class()
        kind = processor
    model(config(num_labels=2)).save_pretrained(folder)
    kind(size={"height": 16, "width": 16}).save_pretrained(folder)
    return folder
