"""No last batch of one sample reaches a batch norm, which could not normalise it: it fails, or learns from noise."""

import logging
from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import RandomSampler, Sampler

from hf_metalr.errors import InputError, Parameter
from hf_metalr.trainer import MetaLRTrainer

logger = logging.getLogger(__name__)


def has_batch_norm(model: nn.Module) -> bool:
    """Whether a model has a batch norm that trains."""
    return any(isinstance(module, _BatchNorm) for module in model.modules())


def leaves_a_batch_of_one(samples: int, batch_size: int, processes: int, even_batches: bool = True) -> bool:
    """Whether the last batch of an epoch holds one sample, where others hold more.

    Args:
        samples: of an epoch.
        batch_size: of one process, without accumulation: that sums gradients of batches, each normalised by itself.
        processes: that share the samples.
        even_batches: whether the last batches are filled up with first samples, as accelerate does by itself.

    >>> leaves_a_batch_of_one(9, 4, 1), leaves_a_batch_of_one(9, 4, 2), leaves_a_batch_of_one(10, 4, 1)
    (True, False, False)
    """
    return batch_size > 1 and samples % batch_size == 1 and (processes == 1 or not even_batches)


class FineTuner(MetaLRTrainer):
    """`MetaLRTrainer` whose epochs leave out the one sample that would be a batch of its own before a batch norm.

    Another one each epoch, since each epoch draws its order anew. Arguments and evaluation stay as they are:
    `dataloader_drop_last` would leave out up to a whole batch, and validation samples as well.
    """

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        sampler = super()._get_train_sampler(train_dataset)
        dataset: Any = self.train_dataset if train_dataset is None else train_dataset
        model: Any = self.model
        if not isinstance(sampler, Sampler) or not hasattr(sampler, "__len__") or not has_batch_norm(model):
            return sampler
        require_more_than_one(len(dataset))
        size, args = self._train_batch_size, self.args
        even = self.accelerator.dataloader_config.even_batches
        if args.dataloader_drop_last or not leaves_a_batch_of_one(len(dataset), size, args.world_size, even):
            return sampler
        logger.info(
            "the last batch of each epoch would hold one sample, which batch norm cannot use: it is left out, another "
            "one each epoch (%d samples, batches of %d)",
            len(dataset),
            size,
        )
        if type(sampler) is RandomSampler:  # accelerate makes a seeded copy of this class, and of no other
            return RandomSampler(dataset, num_samples=len(dataset) - 1, generator=sampler.generator)
        return _AllButLast(sampler)


def require_more_than_one(samples: int) -> None:
    """Raise an InputError if a batch norm would meet a training set of one sample."""
    if samples < 2:
        raise InputError(
            "data",
            f"must give at least 2 samples to train on, found {samples}: the model has batch norm, which normalises by "
            "the samples of a batch. Use more data, or less of it for ",
            Parameter("validation_size"),
            " and ",
            Parameter("test_size"),
            ".",
        )


class _AllButLast(Sampler[int]):
    """The order of another sampler without its last."""

    def __init__(self, sampler: Any) -> None:
        self._sampler = sampler

    def __len__(self) -> int:
        return len(self._sampler) - 1

    def __iter__(self) -> Iterator[int]:
        order = iter(self._sampler)
        yield from (next(order) for _ in range(len(self)))

    def set_epoch(self, epoch: int) -> None:
        """Pass the epoch on to samplers that draw by it."""
        if hasattr(self._sampler, "set_epoch"):
            self._sampler.set_epoch(epoch)
