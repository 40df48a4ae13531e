"""Two upstream faults do not reach our users; plain `Trainer` shows that they are still there."""

import math
from pathlib import Path

import pytest
import torch
import transformers
from packaging.version import Version
from torch.utils.data import Dataset
from transformers import (
    MixtralConfig,
    MixtralForCausalLM,
    ResNetConfig,
    ResNetForImageClassification,
    Trainer,
    ViTForImageClassification,
    set_seed,
)

from hf_metalr import MetaLRTrainer
from hf_metalr.trainer.upstream import complete_reload
from tests.trainer.tiny import (
    Images,
    Texts,
    arguments,
    language,
    make_bert,
    make_convnext,
    make_gpt2,
    make_plain_trainer,
    make_trainer,
    make_vit,
    masked_language,
    weights,
)

the_fault_is_there = pytest.mark.skipif(
    Version(transformers.__version__) < Version("5.23"), reason="the fault came after 5.0"
)
ESTIMATORS = ["lookahead", "next_batch", "off"]


class Findings(Dataset):
    """Images with several labels each."""

    def __len__(self) -> int:
        return 48

    def __getitem__(self, index: int) -> dict:
        sample = Images(48)[index]
        return {"pixel_values": sample["pixel_values"], "labels": torch.eye(3)[sample["labels"]]}


def make_resnet():
    set_seed(0)
    sizes = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic", "num_labels": 3}
    return ResNetForImageClassification(ResNetConfig(**sizes))


def first_gradient_norm(trainer: Trainer) -> float:
    trainer.train()
    return trainer.state.log_history[0]["grad_norm"]


def micro_batches(size: int) -> dict:
    return {
        "per_device_train_batch_size": size,
        "gradient_accumulation_steps": 8 // size,
        "max_steps": 1,
        "logging_steps": 1,
    }


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_multi_label_loss_does_not_grow_with_accumulation(tmp_path: Path, estimator: str) -> None:
    def run(size: int) -> float:
        model = make_vit(dropout=0.0, problem_type="multi_label_classification")
        return first_gradient_norm(
            make_trainer(tmp_path / str(size), model, Findings(), meta_estimator=estimator, **micro_batches(size))
        )

    assert run(2) == pytest.approx(run(8), rel=1e-4)


def test_trainer_still_inflates_the_multi_label_loss(tmp_path: Path) -> None:
    # when this fails, upstream is mended and `loss_heeds_item_count` can go
    def run(size: int) -> float:
        model = make_vit(dropout=0.0, problem_type="multi_label_classification")
        return first_gradient_norm(make_plain_trainer(tmp_path / str(size), model, Findings(), **micro_batches(size)))

    assert run(2) == pytest.approx(4 * run(8), rel=1e-2)


@pytest.mark.parametrize(("make_model", "heeds"), [(make_vit, True), (make_bert, False), (make_resnet, False)])
def test_only_losses_that_ignore_the_count_are_averaged_by_the_trainer(tmp_path: Path, make_model, heeds: bool) -> None:
    data = Texts(48) if make_model is make_bert else Images(48)
    trainer = make_trainer(tmp_path, make_model(), data, meta_estimator="off", **micro_batches(2))
    before, stream = weights(trainer.model), torch.get_rng_state()
    trainer._check_item_count(trainer.data_collator([data[0], data[1]]))
    assert trainer.model_accepts_loss_kwargs is heeds
    assert torch.equal(torch.get_rng_state(), stream)
    assert all(torch.equal(value, before[name]) for name, value in trainer.model.state_dict().items())


def test_a_batch_without_labels_does_not_settle_the_check(tmp_path: Path) -> None:
    # catches: 0 equals 0, so a loss that heeds the count is averaged by batches instead of tokens ever after
    trainer = make_trainer(tmp_path, make_gpt2(), language(), meta_estimator="off", **micro_batches(2))
    masked, whole = (trainer.data_collator(masked_language(rows)[:2]) for rows in (range(2), range(0)))
    trainer._get_num_items_in_batch([masked], trainer.args.device)
    assert not trainer._item_count_settled
    trainer._get_num_items_in_batch([whole], trainer.args.device)
    assert trainer._item_count_settled
    assert trainer.model_accepts_loss_kwargs


class Wrapped(torch.nn.Module):
    """Takes anything, so that Transformers finds no name of a label in its signature."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = make_vit(dropout=0.0, problem_type="multi_label_classification")

    def forward(self, **batch):
        batch.pop("num_items_in_batch", None)
        return self.inner(**batch)


def test_the_loss_of_a_wrapped_model_does_not_grow_with_accumulation(tmp_path: Path) -> None:
    def run(size: int) -> float:
        settings = micro_batches(size) | {"meta_estimator": "off", "remove_unused_columns": False}
        return first_gradient_norm(make_trainer(tmp_path / str(size), Wrapped(), Findings(), **settings))

    assert run(2) == pytest.approx(run(8), rel=1e-4)


def test_a_subclass_that_counts_items_itself_is_left_alone(tmp_path: Path) -> None:
    class CountingTrainer(MetaLRTrainer):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            losses = torch.nn.functional.cross_entropy(model(**inputs).logits, inputs["labels"], reduction="none")
            return losses.sum() / num_items_in_batch

    args = arguments(tmp_path, meta_estimator="off", **micro_batches(2))
    trainer = CountingTrainer(model=make_bert(), args=args, train_dataset=Texts(48))
    trainer.train()  # num_items_in_batch is None where the trainer believes that the loss ignores it
    assert trainer.model_accepts_loss_kwargs


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("make_model", [make_vit, make_convnext, make_bert])
def test_reloading_brings_every_weight_back(tmp_path: Path, make_model, estimator: str) -> None:
    data = Texts(48) if make_model is make_bert else Images(48)
    saving = {"save_strategy": "steps", "save_steps": 3, "max_steps": 3}
    trained = make_trainer(tmp_path, make_model(), data, meta_estimator=estimator, **saving)
    trained.train()
    fresh = make_trainer(tmp_path / "other", make_model(), data, meta_estimator=estimator)
    fresh._load_from_checkpoint(str(tmp_path / "checkpoint-3"))
    for name, value in fresh.model.state_dict().items():
        assert torch.equal(value, trained.model.state_dict()[name]), name


@the_fault_is_there
def test_trainer_still_loses_weights_of_a_vit(tmp_path: Path) -> None:
    # when this fails, upstream is mended and `complete_reload` can go
    trained = make_plain_trainer(tmp_path, save_strategy="steps", save_steps=3, max_steps=3)
    trained.train()
    fresh = make_plain_trainer(tmp_path / "other")
    fresh._load_from_checkpoint(str(tmp_path / "checkpoint-3"))
    state, expected = fresh.model.state_dict(), trained.model.state_dict()
    assert not all(torch.equal(state[name], expected[name]) for name in state)


class Weighted(ViTForImageClassification):
    """Needs more than a config to be made."""

    def __init__(self, config, weights: list[float]) -> None:
        super().__init__(config)
        self.loss_type, self.weights = "ForImageClassification", weights


def make_headed_vit():
    model = make_vit()
    model.classifier = torch.nn.Sequential(torch.nn.Linear(16, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    return model


def make_weighted_vit():
    return Weighted(make_vit().config, [1.0, 2.0])


def make_mixed_vit():
    model = make_vit()
    model.vit.embeddings.to(torch.bfloat16)
    return model


def make_mixtral():
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = MixtralConfig(vocab_size=30, num_local_experts=2, num_key_value_heads=2, tie_word_embeddings=True, **sizes)
    return MixtralForCausalLM(config)


@the_fault_is_there
@pytest.mark.parametrize("make_model", [make_headed_vit, make_weighted_vit, make_mixed_vit, make_mixtral])
def test_the_live_model_is_reloaded_exactly_as_it_is(tmp_path: Path, make_model) -> None:
    # catches: a class made anew (without the head, or without its arguments), values rounded to one dtype, experts
    # that are saved apart and kept stacked
    model = make_model()
    model.save_pretrained(tmp_path)
    expected, parameters = weights(model), list(model.parameters())
    with torch.no_grad():
        for parameter in parameters:
            parameter.zero_()
    complete_reload(model, tmp_path)
    for name, value in model.state_dict().items():
        assert value.dtype == expected[name].dtype
        assert torch.equal(value, expected[name]), name
    assert all(now is then for now, then in zip(model.parameters(), parameters, strict=True))


def test_a_checkpoint_of_another_model_is_an_error(tmp_path: Path) -> None:
    make_trainer(tmp_path, save_strategy="steps", save_steps=3, max_steps=3).train()
    deeper = make_trainer(tmp_path / "other", make_vit(num_hidden_layers=3))
    with pytest.raises(ValueError, match="does not fit the model"):
        deeper._load_from_checkpoint(str(tmp_path / "checkpoint-3"))


def test_the_best_model_has_the_recorded_metric(tmp_path: Path) -> None:
    # catches: a best model of which most weights are those of the last step
    trainer = make_trainer(
        tmp_path,
        eval_dataset=Images(30, seed=5),
        eval_strategy="steps",
        eval_steps=1,
        save_strategy="steps",
        save_steps=1,
        load_best_model_at_end=True,
        learning_rate=9e-3,
        lr_update="log_adam",
        metric_for_best_model="eval_loss",
        greater_is_better=True,  # the worst, which is not the last
    )
    trainer.train()
    assert trainer.state.best_global_step != 6
    assert math.isclose(trainer.evaluate()["eval_loss"], trainer.state.best_metric, rel_tol=1e-6)
