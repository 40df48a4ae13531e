"""Meta batches: a pure function of seed, step and rank; their source is checked."""

from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from torch.utils.data import IterableDataset

from hf_metalr.trainer.meta_data import MetaBatches, MetaLoader, carve_meta_set
from tests.trainer.tiny import Images, make_trainer


def batches(size: int = 10, batch_size: int = 3, **where: int) -> MetaBatches:
    return MetaBatches([{"x": float(i)} for i in range(size)], lambda rows: rows, batch_size, seed=7, **where)


def test_every_sample_comes_once_per_epoch_in_a_new_order() -> None:
    drawn = [i for step in range(20) for i in batches().indices(step)]
    epochs = [drawn[start : start + 10] for start in range(0, 60, 10)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 6


def test_processes_share_the_global_batch_of_one_process() -> None:
    # catches: ranks that draw the same samples, or others than one process would
    for step in range(12):
        halves = [batches(batch_size=2, rank=rank, world_size=2).indices(step) for rank in range(2)]
        assert halves[0] + halves[1] == batches(batch_size=4).indices(step)


def test_a_meta_set_smaller_than_a_batch_is_repeated() -> None:
    assert sorted(batches(size=2, batch_size=4).indices(0)) == [0, 0, 1, 1]


def test_loading_leaves_the_random_streams_alone_and_is_repeatable() -> None:
    class Noisy(Images):
        def __getitem__(self, index: int) -> dict:
            return {"x": torch.rand(()).item() + np.random.rand()}

    drawn = MetaBatches(Noisy(10), lambda rows: [row["x"] for row in rows], 3, seed=7)
    stream, numpy_stream = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = drawn[5]
    assert torch.equal(torch.get_rng_state(), stream)
    assert (np.random.get_state()[1] == numpy_stream).all()
    assert drawn[5] == first != drawn[6]


def test_worker_processes_give_the_same_batches() -> None:
    stream = torch.get_rng_state()
    loader = MetaLoader(batches(), num_workers=1, stride=2)
    assert [loader.batch(step) for step in (1, 3, 5)] == [batches()[step] for step in (1, 3, 5)]
    assert loader.batch(20) == batches()[20]  # a jump, as after resuming
    assert torch.equal(torch.get_rng_state(), stream)


def test_carving_is_stratified_disjoint_and_repeatable() -> None:
    data = datasets.Dataset.from_dict(
        {"x": list(range(40)), "label": [int(i < 8) for i in range(40)]},
        features=datasets.Features({"x": datasets.Value("int64"), "label": datasets.ClassLabel(names=["a", "b"])}),
    )
    rest, meta = carve_meta_set(data, 0.25, seed=1)
    assert sorted(rest["x"] + meta["x"] if isinstance(rest["x"], list) else [*rest["x"], *meta["x"]]) == list(range(40))
    assert sum(meta["label"]) == 2
    assert list(carve_meta_set(data, 0.25, seed=1)[1]["x"]) == list(meta["x"])
    rest, meta = carve_meta_set(Images(12), 0.25, seed=1)
    assert sorted(rest.indices + meta.indices) == list(range(12))
    assert len(meta) == 3


def test_a_carved_meta_set_is_out_of_the_training_data(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, meta_split=0.25)
    assert (len(trainer.train_dataset), len(trainer.meta_dataset)) == (36, 12)
    trainer.train()


class Stream(IterableDataset):
    def __iter__(self):
        return iter(Images(48))


def test_streams_are_refused_for_the_lookahead_and_work_with_next_batch(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is a stream .* meta_estimator='next_batch'"):
        make_trainer(tmp_path, train=Stream()).train()
    trainer = make_trainer(tmp_path, train=Stream(), meta_estimator="next_batch", lr_update="log_adam")
    trainer.train()
    assert len(set(trainer.learning_rates.values())) > 2
    make_trainer(tmp_path, train=Stream(), meta_dataset=Images(8)).train()


def test_a_data_set_of_the_datasets_library_loses_unused_columns(tmp_path: Path) -> None:
    images = Images(12)
    data = datasets.Dataset.from_dict(
        {"pixel_values": images.pixels.numpy(), "labels": images.labels.numpy(), "note": ["x"] * 12}
    ).with_format("torch")
    make_trainer(tmp_path, train=data).train()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"meta_dataset": Images(0)}, "`meta_dataset` must hold at least one sample"),
        ({"meta_dataset": Stream()}, "`meta_dataset` is a stream"),
        ({"meta_dataset": Images(4), "meta_split": 0.1}, "`meta_dataset` or `meta_split` must be given, not both"),
        ({"meta_dataset": Images(4), "meta_estimator": "next_batch"}, "`meta_dataset` has no effect"),
        ({"meta_split": 0.001}, r"`meta_split` 0\.001 of 48 training samples"),
    ],
)
def test_meta_data_that_cannot_serve_are_refused(tmp_path: Path, settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_trainer(tmp_path, **settings)


@pytest.mark.parametrize("as_dict", [False, True])
def test_the_evaluation_set_is_refused_as_meta_set(tmp_path: Path, as_dict: bool) -> None:
    data = Images(8)
    with pytest.raises(ValueError, match="`meta_dataset` is the eval_dataset"):
        make_trainer(tmp_path, meta_dataset=data, eval_dataset={"a": data} if as_dict else data)


def test_meta_batches_without_labels_are_refused(tmp_path: Path) -> None:
    unlabelled = [{"pixel_values": sample["pixel_values"]} for sample in Images(8)]
    with pytest.raises(ValueError, match="Meta batches must hold the labels of training batches"):
        make_trainer(tmp_path, meta_dataset=unlabelled).train()
