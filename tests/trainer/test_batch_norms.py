"""Norms that forget all but the last batch are told once; buffers that are shared are those that are saved."""

import logging

import pytest
import torch
from torch import nn
from transformers import ResNetConfig, ResNetForImageClassification

from hf_metalr.trainer.batch_norms import _saved_buffers, forgetful
from tests.trainer.tiny import make_trainer, make_vit


def make_resnet(momentum: float = 0.1) -> ResNetForImageClassification:
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], layer_type="basic", num_labels=3)
    model = ResNetForImageClassification(config)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = momentum
    return model


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "hf_metalr.trainer.batch_norms"]


@pytest.mark.parametrize("estimator", ["lookahead", "off"])
def test_the_trainer_tells_once_which_norms_forget_and_leaves_them(tmp_path, caplog, estimator: str) -> None:
    model = make_resnet(0.997)
    trainer = make_trainer(tmp_path, model, max_steps=1, meta_estimator=estimator)
    with caplog.at_level(logging.WARNING):
        trainer.train()
        trainer.train()
    (told,) = warnings_of(caplog)
    norms = [name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert "momentum of 0.997" in told
    assert norms[0] in told
    assert f"and {len(norms) - 3} more" in told
    assert "module.momentum = 0.1" in told
    assert set(forgetful(model)) == set(norms)  # the user's model is his


def test_usual_norms_get_no_word(tmp_path, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        make_trainer(tmp_path, make_resnet(), max_steps=1).train()
        make_trainer(tmp_path, make_vit(), max_steps=1).train()
    assert not warnings_of(caplog)


def test_norms_without_running_statistics_forget_nothing() -> None:
    model = nn.Sequential(
        nn.BatchNorm1d(2, momentum=0.9, track_running_stats=False),
        nn.InstanceNorm1d(2, momentum=0.9),
        nn.BatchNorm1d(2, momentum=None),  # a plain mean over all batches
        nn.InstanceNorm1d(2, momentum=0.9, track_running_stats=True),
    )
    assert forgetful(model) == {"3": 0.9}


def test_what_is_shared_is_what_is_saved() -> None:
    # a cache, which is not saved, may differ in shape between processes
    model = nn.BatchNorm1d(2)
    model.register_buffer("cache", torch.zeros(3), persistent=False)
    model.twin = nn.Identity()
    model.twin.running_mean = model.running_mean
    assert [id(buffer) for buffer in _saved_buffers(model)] == [id(model.running_mean), id(model.running_var)]
