"""Fine-tune any pre-trained model with one learning rate per layer, learned while it trains."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hf_metalr.engine import UNSTATED, MetaLR, MetaLRConfig, MetaStep
    from hf_metalr.evaluation.run import evaluate
    from hf_metalr.exporting.onnx import export_onnx
    from hf_metalr.inference.predict import predict
    from hf_metalr.layer_groups import LayerGroup, make_layer_groups
    from hf_metalr.ranking import Ranking, rank_backbones
    from hf_metalr.trainer import MetaLRMixin, MetaLRTrainer, MetaLRTrainingArguments
    from hf_metalr.transferability import TransferabilityProfile, transferability_profile

# Where each public name lives; imported on first use, so that `import hf_metalr` costs nothing.
_HOMES = {
    "UNSTATED": "hf_metalr.engine",
    "LayerGroup": "hf_metalr.layer_groups",
    "MetaLR": "hf_metalr.engine",
    "MetaLRMixin": "hf_metalr.trainer",
    "MetaLRConfig": "hf_metalr.engine",
    "MetaLRTrainer": "hf_metalr.trainer",
    "MetaLRTrainingArguments": "hf_metalr.trainer",
    "MetaStep": "hf_metalr.engine",
    "Ranking": "hf_metalr.ranking",
    "TransferabilityProfile": "hf_metalr.transferability",
    "evaluate": "hf_metalr.evaluation.run",
    "export_onnx": "hf_metalr.exporting.onnx",
    "make_layer_groups": "hf_metalr.layer_groups",
    "predict": "hf_metalr.inference.predict",
    "rank_backbones": "hf_metalr.ranking",
    "transferability_profile": "hf_metalr.transferability",
}

__all__ = [
    "UNSTATED",
    "LayerGroup",
    "MetaLR",
    "MetaLRConfig",
    "MetaLRMixin",
    "MetaLRTrainer",
    "MetaLRTrainingArguments",
    "MetaStep",
    "Ranking",
    "TransferabilityProfile",
    "evaluate",
    "export_onnx",
    "make_layer_groups",
    "predict",
    "rank_backbones",
    "transferability_profile",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        return version("hf-metalr")
    if name not in _HOMES:
        raise AttributeError(f"module 'hf_metalr' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
