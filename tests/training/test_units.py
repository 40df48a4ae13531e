"""Units of a regression: there and back, and an output layer that takes them in without changing what is answered."""

import numpy as np
import pytest
import torch
from torch import nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    ResNetConfig,
    ResNetForImageClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from hf_metalr.training.units import Units, output_layer

TINY = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8, "vocab_size": 9}
GPT = {"vocab_size": 9, "n_positions": 8, "n_embd": 8, "n_layer": 1, "n_head": 1}


def test_there_and_back():
    values = np.array([1990.0, 2003.0, 2020.0])
    units = Units.of(values.tolist())
    assert units.leave(values).mean() == pytest.approx(0)
    assert units.leave(values).std() == pytest.approx(1)
    np.testing.assert_allclose(units.enter(units.leave(values)), values)
    assert Units.of([7.0, 7.0]) == Units(7.0, 1.0)  # nothing to divide by


def test_a_layer_takes_units_in_and_gives_them_back():
    torch.manual_seed(0)
    layer, inputs, units = nn.Linear(4, 1), torch.randn(5, 4), Units(50.0, 10.0)
    before = layer(inputs)
    units.fold_into(layer)
    torch.testing.assert_close(layer(inputs), units.enter(before))
    units.take_out_of(layer)
    torch.testing.assert_close(layer(inputs), before)


@pytest.mark.parametrize(
    ("model", "place"),
    [
        (BertForSequenceClassification(BertConfig(**TINY, num_labels=1)), "classifier"),
        (RobertaForSequenceClassification(RobertaConfig(**TINY, num_labels=1)), "classifier.out_proj"),
        (ResNetForImageClassification(ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1])), "classifier.1"),
        (GPT2ForSequenceClassification(GPT2Config(**GPT, num_labels=1, pad_token_id=0)), None),  # no bias
    ],
    ids=["bert", "roberta", "resnet", "gpt2"],
)
def test_the_output_layer_is_found_where_its_answer_is_the_models(model, place):
    model.train()
    inputs = {"input_ids": torch.tensor([[3, 4, 5]])}
    if place == "classifier.1":
        inputs = {"pixel_values": torch.rand(1, 3, 8, 8)}
    found = output_layer(model, inputs)
    assert found is (None if place is None else model.get_submodule(place))
    assert model.training  # as it was
    assert not any(module._forward_hooks for module in model.modules())


def test_a_layer_whose_answer_is_changed_on_the_way_out_is_none():
    class Doubled(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(2, 1)

        def forward(self, x):
            return type("Output", (), {"logits": 2 * self.head(x)})

    assert output_layer(Doubled(), {"x": torch.ones(1, 2)}) is None
