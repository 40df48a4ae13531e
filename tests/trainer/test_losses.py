"""Losses and batches of the user's own: what plain `Trainer` trains, learned rates train."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import Trainer, ViTMAEConfig, ViTMAEForPreTraining, set_seed

from hf_metalr import MetaLRTrainer
from hf_metalr.engine.history import HISTORY_NAME, read_history
from tests.trainer.tiny import (
    ESTIMATORS,
    Images,
    arguments,
    assert_equal_weights,
    assert_learned,
    make_plain_trainer,
    make_trainer,
    make_vit,
)

PIXELS = [{"pixel_values": Images(48)[index]["pixel_values"]} for index in range(48)]


def make_masked_autoencoder() -> ViTMAEForPreTraining:
    set_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    decoder = {f"decoder_{name}": value for name, value in sizes.items()} | {"decoder_num_hidden_layers": 1}
    return ViTMAEForPreTraining(ViTMAEConfig(image_size=16, patch_size=8, **sizes, **decoder))


class Wrapper(nn.Module):
    """A plain module whose forward takes any columns."""

    def __init__(self) -> None:
        super().__init__()
        self.network = make_vit()

    def forward(self, **batch: Tensor) -> Any:
        return self.network(**batch)


@pytest.mark.parametrize(
    ("make_model", "data"), [(make_masked_autoencoder, PIXELS), (Wrapper, Images(48))], ids=["no labels", "any columns"]
)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_models_that_name_no_labels_train(tmp_path: Path, make_model, data, estimator: str) -> None:
    trainer = make_trainer(
        tmp_path, make_model(), data, meta_estimator=estimator, lr_update="log_adam", remove_unused_columns=False
    )
    trainer.train()
    assert_learned(trainer)


class TupleLoss:
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None) -> Tensor:
        pixels, labels = inputs
        return cross_entropy(model(pixel_values=pixels).logits, labels)


def test_batches_that_are_tuples_train(tmp_path: Path) -> None:
    class TupleTrainer(TupleLoss, MetaLRTrainer): ...

    def collate(rows: list[dict]) -> tuple[Tensor, Tensor]:
        return torch.stack([row["pixel_values"] for row in rows]), torch.tensor([row["labels"] for row in rows])

    args = arguments(tmp_path, remove_unused_columns=False, lr_update="log_adam")
    trainer = TupleTrainer(make_vit(), args, train_dataset=Images(48), data_collator=collate)
    trainer.train()
    assert_learned(trainer)


def summed(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
    return cross_entropy(outputs.logits, labels, reduction="sum") / num_items_in_batch


def mean(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
    return cross_entropy(outputs.logits, labels)


def test_a_loss_that_divides_by_the_count_of_items_gets_the_count_of_the_meta_batch(tmp_path: Path) -> None:
    # catches: division by None; the count of the training batch, or of all its accumulated parts
    losses = {}
    for loss in (summed, mean):
        trainer = make_trainer(tmp_path / loss.__name__, compute_loss_func=loss, meta_batch_size=6)
        trainer.train()
        losses[loss] = [row["meta_loss"] for row in read_history(tmp_path / loss.__name__ / HISTORY_NAME)]
    assert losses[summed] == pytest.approx(losses[mean], rel=1e-5)


def test_a_trainers_own_loss_gets_the_count_as_in_training(tmp_path: Path) -> None:
    class SummedTrainer(MetaLRTrainer):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            labels = inputs.pop("labels")
            return cross_entropy(model(**inputs).logits, labels, reduction="sum") / num_items_in_batch

    trainer = SummedTrainer(make_vit(), arguments(tmp_path, lr_update="log_adam"), train_dataset=Images(48))
    trainer.train()
    assert_learned(trainer)


def test_a_second_run_does_not_measure_what_happened_between_the_runs(tmp_path: Path) -> None:
    # catches: a displacement of the first run measured against weights that were put in its place
    trainer = make_trainer(tmp_path, meta_estimator="next_batch", lr_update="log_adam")
    trainer.train()
    trainer.model.load_state_dict({name: -value for name, value in trainer.model.state_dict().items()})
    trainer.train()
    assert [row["step"] for row in read_history(tmp_path / HISTORY_NAME)] == [2, 3, 4, 5, 6]


def test_a_second_run_draws_meta_batches_from_the_data_it_is_given(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, max_steps=2)
    trainer.train()
    trainer.train_dataset = Images(48)
    trainer.train_dataset.pixels[:] = torch.nan
    trainer.train()
    assert {row.get("skipped") for row in read_history(tmp_path / HISTORY_NAME)} == {"not finite"}


class NoisyCollator:
    """Draws from a generator of its own, made when it is first called, as Transformers' seeded collators do."""

    generator: torch.Generator | None = None

    def __call__(self, rows: list[dict]) -> dict[str, Tensor]:
        if self.generator is None:
            self.generator = torch.Generator().manual_seed(1)
        pixels = torch.stack([row["pixel_values"] for row in rows])
        noise = torch.randn(pixels.shape, generator=self.generator)
        return {"pixel_values": pixels + noise, "labels": torch.tensor([row["labels"] for row in rows])}


def test_meta_batches_leave_the_collators_own_generator_alone(tmp_path: Path) -> None:
    def run_twice(make: Any, **settings: Any) -> Trainer:
        trainer = make(tmp_path / make.__name__, **settings)
        trainer.data_collator = NoisyCollator()
        trainer.train()
        trainer.train()  # now the generator is there from the start
        return trainer

    plain = run_twice(make_plain_trainer)
    pinned = run_twice(make_trainer, min_lr=1e-3, max_lr=1e-3)
    assert_equal_weights(plain.model, pinned.model)
