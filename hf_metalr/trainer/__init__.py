"""The Hugging Face side: `MetaLRTrainer` for `Trainer`, `MetaLRTrainingArguments` for `TrainingArguments`."""

from hf_metalr.trainer.arguments import MetaLRTrainingArguments
from hf_metalr.trainer.mixin import MetaLRMixin
from hf_metalr.trainer.trainer import MetaLRTrainer

__all__ = ["MetaLRMixin", "MetaLRTrainer", "MetaLRTrainingArguments"]
