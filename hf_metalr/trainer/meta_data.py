"""Where meta batches come from: a data set, and batches that are a pure function of (seed, step, rank)."""

from collections.abc import Callable, Iterator
from copy import copy, deepcopy
from typing import Any

import datasets
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler, Subset

from hf_metalr.engine.no_trace import isolated_rng, mixed_seed
from hf_metalr.errors import InputError

# Keeps the streams of sampling and of augmentation apart from each other and from the engine's meta forward.
_SAMPLING, _LOADING = 1, 2


class MetaBatches(Dataset):
    """The meta batches of one process as a data set: item ``step`` is the collated batch of that meta step.

    Each epoch over the meta data is a new permutation; the global batch of a step is the next stretch of it, and every
    process takes its own slice. No state: a resumed run draws what the straight run would have drawn, and the training
    data order and random streams are untouched.

    Args:
        dataset: map-style data set.
        collate: joins a list of samples to a batch.
        batch_size: samples per process and step.
        seed: same on all processes.
        rank: index of this process.
        world_size: number of processes.
    """

    def __init__(
        self,
        dataset: Any,
        collate: Callable[[list], Any],
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.dataset, self.collate, self.batch_size = dataset, collate, batch_size
        self.seed, self.rank, self.world_size = seed, rank, world_size
        self._permutation: tuple[int, np.ndarray] = (-1, np.empty(0, dtype=np.int64))

    def indices(self, step: int) -> list[int]:
        """Return the indices into the data set that this process uses at a step."""
        start = (step * self.world_size + self.rank) * self.batch_size
        size = len(self.dataset)
        return [int(self._epoch(p // size)[p % size]) for p in range(start, start + self.batch_size)]

    def __getitem__(self, step: int) -> Any:
        indices = self.indices(step)
        with isolated_rng(mixed_seed(self.seed, step, self.rank, _LOADING), accelerator=False):
            many = getattr(self.dataset, "__getitems__", None)
            samples = many(indices) if many is not None else [self.dataset[index] for index in indices]
            return self.collate(samples)

    def _epoch(self, epoch: int) -> np.ndarray:
        if self._permutation[0] != epoch:
            generator = np.random.default_rng(mixed_seed(self.seed, epoch, _SAMPLING))
            self._permutation = (epoch, generator.permutation(len(self.dataset)))
        return self._permutation[1]


class MetaLoader:
    """Hands out the meta batch of any step, prefetching in worker processes where asked.

    Args:
        batches: the meta batches by step.
        num_workers: worker processes, as in `torch.utils.data.DataLoader`; 0 loads in this process.
        stride: steps between two meta steps (``meta_every``), for prefetching.
    """

    def __init__(self, batches: MetaBatches, num_workers: int = 0, stride: int = 1) -> None:
        self._batches, self._num_workers, self._stride = batches, num_workers, stride
        self.batch_size = batches.batch_size
        self._iterator: Iterator[Any] | None = None
        self._next_step = -1

    def batch(self, step: int) -> Any:
        """Return the batch of a step."""
        if self._num_workers == 0:
            return self._batches[step]
        if self._iterator is None or step != self._next_step:
            steps = _StepSampler(step, self._stride)
            # Its own generator: a loader draws a base seed, which would shift the training's random stream.
            loader = DataLoader(
                self._batches, None, sampler=steps, num_workers=self._num_workers, generator=torch.Generator()
            )
            self._iterator = iter(loader)
        self._next_step = step + self._stride
        return next(self._iterator)


class _StepSampler(Sampler[int]):
    def __init__(self, start: int, stride: int) -> None:
        self._start, self._stride = start, stride

    def __iter__(self) -> Iterator[int]:
        step = self._start
        while True:
            yield step
            step += self._stride


def with_own_generator(collate: Callable[[list], Any]) -> Callable[[list], Any]:
    """Return a copy of a collator that no longer shares the generator that it draws from, the training's stream.

    Transformers' seeded collators keep it in ``generator``, and make it when they are first called.
    """
    twin = copy(collate)
    if getattr(twin, "generator", None) is not None:
        vars(twin)["generator"] = deepcopy(vars(twin)["generator"])
    return twin


def require_meta_dataset(dataset: Any, name: str, eval_dataset: Any) -> None:
    """Raise an InputError unless meta batches can be drawn from the data set.

    Args:
        dataset: the candidate.
        name: the parameter that the user gave it as.
        eval_dataset: what models are selected or reported on: None, a data set or a dict of data sets.
    """
    if isinstance(dataset, (IterableDataset, datasets.IterableDataset)) or not hasattr(dataset, "__getitem__"):
        raise InputError(
            name,
            f"is a stream ({type(dataset).__name__}), from which a resumed run could not draw the same meta "
            "batches. Pass a map-style meta_dataset, or use meta_estimator='next_batch', which draws none.",
        )
    if len(dataset) == 0:
        raise InputError(name, "must hold at least one sample; found none.")
    evaluated = eval_dataset.values() if isinstance(eval_dataset, dict) else [eval_dataset]
    if any(dataset is other for other in evaluated):
        raise InputError(
            name,
            "is the eval_dataset: rates fitted to the data that selects or reports models make those figures "
            "worthless. Use other data, meta_split, or leave meta_dataset out to draw meta batches from the training "
            "data.",
        )


def carve_meta_set(train_dataset: Any, fraction: float, seed: int) -> tuple[Any, Any]:
    """Split training data into (training rest, meta set) at random; stratified where a ClassLabel column allows it.

    Args:
        train_dataset: `datasets.Dataset`, or any map-style data set (which is split into `torch.utils.data.Subset`).
        fraction: share of the meta set, strictly between 0 and 1.
        seed: of the random split.
    """
    if isinstance(train_dataset, (IterableDataset, datasets.IterableDataset)):
        raise InputError(
            "meta_split", f"needs map-style training data; found a stream ({type(train_dataset).__name__})."
        )
    size = len(train_dataset)
    count = round(size * fraction)
    if not 0 < count < size:
        raise InputError("meta_split", f"{fraction} of {size} training samples leaves one of the two parts empty.")
    if isinstance(train_dataset, datasets.Dataset):
        parts = train_dataset.train_test_split(
            test_size=count, seed=seed, stratify_by_column=_strata(train_dataset, count)
        )
        return parts["train"], parts["test"]
    order = np.random.default_rng(seed).permutation(size).tolist()
    return Subset(train_dataset, sorted(order[count:])), Subset(train_dataset, sorted(order[:count]))


def _strata(dataset: datasets.Dataset, count: int) -> str | None:
    for column in ("label", "labels"):
        feature = dataset.features.get(column)
        if isinstance(feature, datasets.ClassLabel):
            rarest = int(np.min(np.unique(np.asarray(dataset[column]), return_counts=True)[1]))
            # Stratification needs two samples of every class, and room for every class in both parts.
            if rarest >= 2 and feature.num_classes <= min(count, len(dataset) - count):
                return column
    return None
