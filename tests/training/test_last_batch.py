"""A batch norm never meets a last batch of one, no sample is lost for good, and a resumed run is the straight run."""

import logging

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import set_seed

from hf_metalr import MetaLRTrainer
from hf_metalr.errors import InputError
from hf_metalr.training.last_batch import FineTuner, has_batch_norm, leaves_a_batch_of_one
from tests.trainer.tiny import arguments, assert_equal_weights, make_vit

EVEN = {"max_steps": -1, "num_train_epochs": 4, "meta_estimator": "next_batch", "lr_update": "log_adam"}


class Numbered(Dataset):
    """Samples that carry their number."""

    def __init__(self, size: int) -> None:
        self.values = torch.randn(size, 5, generator=torch.Generator().manual_seed(0))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int):
        return {"values": self.values[index], "number": index, "labels": index % 2}


class Normed(nn.Module):
    """Batch norm over single numbers, as after global pooling; keeps the samples of every batch."""

    def __init__(self, norm: bool = True) -> None:
        super().__init__()
        set_seed(0)
        self.body = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4) if norm else nn.LayerNorm(4), nn.ReLU())
        self.head = nn.Linear(4, 2)
        self.seen: list[list[int]] = []

    def forward(self, values, number, labels):
        if self.training:
            self.seen.append(number.tolist())
        logits = self.head(self.body(values))
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def train(folder, samples=9, model=None, trainer=FineTuner, **settings):
    model = Normed() if model is None else model
    own = {"train_dataset": Numbered(samples), "eval_dataset": Numbered(9)}
    return trainer(model=model, args=arguments(folder, **(EVEN | settings)), **own)


def test_without_it_the_training_ends_in_an_error(tmp_path):
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        train(tmp_path, trainer=MetaLRTrainer).train()


def test_one_sample_is_left_out_of_each_epoch_another_one_each_time(tmp_path, caplog):
    trainer = train(tmp_path)
    with caplog.at_level(logging.INFO, "hf_metalr"):
        trainer.train()
    assert len([message for message in caplog.messages if "batch norm cannot use" in message]) == 1
    assert trainer.state.global_step == 8
    epochs = [{number for batch in trainer.model.seen[2 * n : 2 * n + 2] for number in batch} for n in range(4)]
    assert all(len(epoch) == 8 for epoch in epochs)
    assert set().union(*epochs) == {*range(9)}
    assert len({min({*range(9)} - epoch) for epoch in epochs}) > 1
    assert trainer.evaluate()["eval_loss"] > 0
    assert len(trainer.get_eval_dataloader().dataset) == 9
    assert len(trainer.predict(Numbered(9)).predictions) == 9  # what is measured is whole


@pytest.mark.parametrize(
    ("samples", "norm", "settings"),
    [
        (10, True, {}),
        (9, False, {}),
        (9, True, {"per_device_train_batch_size": 3}),
        (9, True, {"dataloader_drop_last": True}),
    ],
)
def test_nothing_changes_where_no_batch_norm_would_meet_a_batch_of_one(tmp_path, samples, norm, settings, caplog):
    own = train(tmp_path / "own", samples, Normed(norm), **settings)
    with caplog.at_level(logging.INFO, "hf_metalr"):
        own.train()
    plain = train(tmp_path / "plain", samples, Normed(norm), trainer=MetaLRTrainer, **settings)
    plain.train()
    assert own.model.seen == plain.model.seen
    assert_equal_weights(own.model, plain.model)
    assert not [message for message in caplog.messages if "batch norm" in message]


def test_accumulated_batches_are_batches_of_their_own(tmp_path):
    trainer = train(tmp_path, gradient_accumulation_steps=2)
    trainer.train()
    assert min(map(len, trainer.model.seen)) == 4


def test_other_orders_lose_their_last(tmp_path):
    trainer = train(tmp_path, train_sampling_strategy="sequential")
    trainer.train()
    assert trainer.model.seen == [[0, 1, 2, 3], [4, 5, 6, 7]] * 4


def test_a_resumed_run_is_the_straight_run(tmp_path):
    saving = {"save_strategy": "steps", "save_steps": 3}
    straight = train(tmp_path / "straight", **saving)
    straight.train()
    train(tmp_path / "again", **saving).train()
    resumed = train(tmp_path / "again", **saving)
    resumed.train(resume_from_checkpoint=str(tmp_path / "again" / "checkpoint-3"))  # in the middle of an epoch
    assert resumed.model.seen == straight.model.seen[3:]
    assert_equal_weights(straight.model, resumed.model)


def test_a_training_set_of_one_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"`data` must give at least 2 samples.*`validation_size`"):
        train(tmp_path, samples=1).train()


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("even", [True, False])
def test_which_epochs_end_with_one_is_what_accelerate_gives(processes, even):
    from accelerate.data_loader import BatchSamplerShard

    for samples in range(2, 26):
        for batch_size in range(1, 6):
            batches = DataLoader(range(samples), batch_size).batch_sampler
            shards = [BatchSamplerShard(batches, processes, n, even_batches=even) for n in range(processes)]
            shards = [batches] if processes == 1 else shards  # accelerate shares among several alone
            ones = batch_size > 1 and any(len(batch) == 1 for shard in shards for batch in shard)
            assert leaves_a_batch_of_one(samples, batch_size, processes, even) == ones, (samples, batch_size)


def test_batch_norms_are_found_wherever_they_are():
    assert has_batch_norm(nn.Sequential(nn.Sequential(nn.SyncBatchNorm(3))))
    assert has_batch_norm(Normed())
    assert not has_batch_norm(make_vit())
