"""`MetaLRTrainer`, the drop-in replacement of `transformers.Trainer`."""

from transformers import Trainer

from hf_metalr.trainer.mixin import MetaLRMixin


class MetaLRTrainer(MetaLRMixin, Trainer):
    """`transformers.Trainer` in which every layer group learns its own learning rate; see `MetaLRMixin` for what
    changes.

    Args:
        args: `MetaLRTrainingArguments`.
        meta_dataset: map-style data set that meta batches are drawn from with ``meta_estimator="lookahead"``; None
            draws them from the training data, as in the paper (or from the part that ``meta_split`` carves out of it).

    All other arguments are those of `transformers.Trainer`.
    """
