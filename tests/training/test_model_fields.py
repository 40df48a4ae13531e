"""Fields of a configuration: set where they do something, refused in words where they do not."""

import pytest
import torch
from torch import nn

from hf_metalr.data.labels.tasks import Task
from hf_metalr.errors import InputError
from hf_metalr.training.models import load_model
from tests.cli.models import NETWORK, save_text_model
from tests.training.tables import save_segformer, save_vit

IMAGES, TEXTS, MASKS = Task("classification", "image"), Task("classification", "text"), Task("segmentation", "image")


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    return str(save_vit(tmp_path_factory.mktemp("vit")))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_size": 96}, "`model_settings` cannot set 'image_size'.*Use `image_size`, which sets both"),
        ({"num_labels": 7}, "cannot set 'num_labels': it follows from the number of classes"),
        ({"problem_type": "regression"}, "cannot set 'problem_type': it follows from the task"),
        ({"dropuot": 0.1}, "it has no 'dropuot'. It has: "),
        ({"model_type": "deit"}, "cannot set 'model_type', which says nothing of the network"),
        ({"encoder_stride": 4}, "sets 'encoder_stride', but ViTForImageClassification never reads it"),
        ({"hidden_size": 8}, "must leave the network as it was trained: with hidden_size set, 22 of the 24 tensors"),
    ],
    ids=str,
)
def test_what_does_nothing_or_too_much_is_refused(vit, settings, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_model(vit, IMAGES, ["a", "b"], settings=settings)


def test_a_field_that_is_read_when_the_model_is_built_is_set(vit) -> None:
    model = load_model(vit, IMAGES, ["a", "b"], settings={"hidden_dropout_prob": 0.3}).model
    assert {module.p for module in model.modules() if isinstance(module, nn.Dropout)} == {0.3}


def test_a_field_that_the_new_head_is_drawn_by_is_set(vit) -> None:
    names = ["a", "b", "c"]
    wide, usual = (
        load_model(vit, IMAGES, names, settings=settings).model.classifier.weight.std()
        for settings in ({"initializer_range": 0.2}, {})
    )
    assert wide > 5 * usual


def test_a_field_that_only_the_loss_reads_is_set(tmp_path) -> None:
    loaded = load_model(str(save_segformer(tmp_path)), MASKS, ["0", "1"], settings={"semantic_loss_ignore_index": 7})
    assert loaded.model.config.semantic_loss_ignore_index == 7


def test_a_field_of_a_text_model_is_set_and_one_that_it_never_reads_refused(tmp_path) -> None:
    bert = str(save_text_model(tmp_path))
    assert load_model(bert, TEXTS, ["a", "b"], settings={"classifier_dropout": 0.3}).model.dropout.p == 0.3
    with pytest.raises(InputError, match="sets 'bos_token_id', but BertForSequenceClassification never reads it"):
        load_model(bert, TEXTS, ["a", "b"], settings={"bos_token_id": 3})


def test_the_trial_leaves_no_trace() -> None:
    # catches: batch norm statistics moved by the trial, a model left in training mode, another head
    plain, tried = (
        load_model(str(NETWORK), IMAGES, ["a", "b", "c"], settings=settings).model
        for settings in ({}, {"classifier_dropout_prob": 0.25})
    )
    assert type(tried.config) is type(plain.config)
    assert not tried.training
    for name, value in plain.state_dict().items():
        assert torch.equal(value, tried.state_dict()[name]), name
