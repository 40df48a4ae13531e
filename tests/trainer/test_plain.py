"""Where rates do not move, `MetaLRTrainer` is `Trainer`, bit for bit."""

from pathlib import Path

import pytest
import torch
from torch.utils.data import Dataset

from hf_metalr.engine.history import HISTORY_NAME, read_history
from tests.trainer.tiny import (
    Images,
    Texts,
    assert_equal_weights,
    make_bert,
    make_convnext,
    make_plain_trainer,
    make_trainer,
    make_vit,
)

# learning_rate is 1e-3: everything is measured, nothing moves, wherever the trust region would have it
PINNED = {"min_lr": 1e-3, "max_lr": 1e-3, "trust_region": True}


class Augmented(Dataset):
    """Images with noise from the global random stream: whoever consumes random numbers changes the training."""

    def __init__(self) -> None:
        self.images = Images(48)

    def __len__(self) -> int:
        return 48

    def __getitem__(self, index: int) -> dict:
        sample = self.images[index]
        return sample | {"pixel_values": sample["pixel_values"] + torch.rand(3, 1, 1)}


@pytest.mark.parametrize("settings", [{"meta_estimator": "off"}, PINNED, PINNED | {"meta_estimator": "next_batch"}])
@pytest.mark.parametrize(
    "training",
    [
        {},
        {"gradient_accumulation_steps": 3, "max_grad_norm": 0.1, "weight_decay": 0.1},
        {"optim": "sgd", "lr_scheduler_type": "cosine", "warmup_steps": 2},
        {"label_smoothing_factor": 0.1, "bf16": True},
        {"eval_strategy": "steps", "eval_steps": 2, "eval_dataset": Images(7)},
    ],
)
def test_pinned_rates_train_bit_for_bit_like_trainer(tmp_path: Path, settings: dict, training: dict) -> None:
    plain = make_plain_trainer(tmp_path / "plain", train=Augmented(), **training)
    plain.train()
    stream = torch.get_rng_state()
    ours = make_trainer(tmp_path / "ours", train=Augmented(), **training, **settings)
    ours.train()
    assert torch.equal(torch.get_rng_state(), stream)
    assert_equal_weights(plain.model, ours.model)
    losses = [[row["loss"] for row in t.state.log_history if "loss" in row] for t in (plain, ours)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("make_model", [make_convnext, make_bert])
def test_pinned_rates_on_other_families(tmp_path: Path, make_model) -> None:
    train = Texts(48) if make_model is make_bert else Images(48)
    plain = make_plain_trainer(tmp_path / "plain", make_model(), train)
    plain.train()
    ours = make_trainer(tmp_path / "ours", make_model(), train, **PINNED)
    ours.train()
    assert_equal_weights(plain.model, ours.model)


def test_learned_rates_do_change_the_training(tmp_path: Path) -> None:
    # the tests above would pass on a trainer whose engine never acts
    plain, ours = make_plain_trainer(tmp_path / "plain"), make_trainer(tmp_path / "ours", lr_update="log_adam")
    plain.train()
    ours.train()
    assert not torch.equal(plain.model.classifier.weight, ours.model.classifier.weight)
    assert len(set(ours.learning_rates.values())) > 3


@pytest.mark.parametrize("estimator", ["lookahead", "next_batch"])
def test_accumulation_gives_the_same_rates_as_one_large_batch(tmp_path: Path, estimator: str) -> None:
    # catches: a meta step per micro-batch, a gradient of one micro-batch only
    shared = {"meta_estimator": estimator, "lr_update": "log_adam", "max_steps": 5}
    if estimator == "lookahead":
        shared["meta_batch_size"] = 8
    one = make_trainer(tmp_path / "1x8", make_vit(dropout=0.0), per_device_train_batch_size=8, **shared)
    eight = make_trainer(
        tmp_path / "8x1",
        make_vit(dropout=0.0),
        per_device_train_batch_size=1,
        gradient_accumulation_steps=8,
        **shared,
    )
    one.train()
    eight.train()
    assert one.learning_rates == pytest.approx(eight.learning_rates, rel=1e-5)
    assert len(set(one.learning_rates.values())) > 3


def test_the_clipped_gradient_scales_all_hypergradients_of_next_batch_alike(tmp_path: Path) -> None:
    # without its epsilon the first step of Adam knows no scale: clipping shows in the second gradient alone
    measured = []
    for norm in (0.0, 0.1):
        folder = tmp_path / str(norm)
        settings = PINNED | {"meta_estimator": "next_batch", "max_steps": 2, "adam_epsilon": 1e-14}
        make_trainer(folder, make_vit(dropout=0.0), max_grad_norm=norm, **settings).train()
        (row,) = read_history(folder / HISTORY_NAME)
        measured.append(torch.tensor(list(row["hypergradient"].values())))
    factors = measured[1] / measured[0]
    assert 0 < factors[0] < 0.5
    torch.testing.assert_close(factors, factors[:1].expand_as(factors), rtol=1e-3, atol=0)
