"""Backbones of many families: each layer has features, of the right channels, of its own sample alone."""

from functools import cache

import pytest
import torch
from torch import Tensor

from hf_metalr.features import LAST_HIDDEN_STATE, layer_modules, pooled_features
from tests.features.families import BACKBONES

# Families with a hidden state that no layer group puts out: embeddings after a norm or with positions of their own.
HIDDEN_STATES_OF_THEIR_OWN = {"clip vision": 1, "sam vision": 1}


@cache
def model(family: str) -> torch.nn.Module:
    """Weights far from the initial ones, so that no layer copies the one before it, and statistics that fit them."""
    backbone = BACKBONES[family].build()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
        for module in backbone.modules():
            if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
                module.momentum = None  # the mean of all batches, here of one
        backbone.train()(pixel_values=images(family))
    return backbone.eval()


@cache
def images(family: str) -> Tensor:
    return BACKBONES[family].images(4)


@cache
def features(family: str) -> dict[str, Tensor]:
    return pooled_features(model(family), [{"pixel_values": images(family)}])


def means(hidden: Tensor, channels: int) -> Tensor:
    return hidden.mean([dim for dim in range(1, hidden.ndim) if dim != channels % hidden.ndim])


def is_close(left: Tensor, right: Tensor) -> bool:
    return left.shape == right.shape and torch.allclose(left, right, rtol=1e-4, atol=1e-4 * float(right.abs().max()))


@pytest.mark.parametrize("family", BACKBONES)
def test_every_layer_has_features(family):
    assert list(features(family)) == [*layer_modules(model(family)), LAST_HIDDEN_STATE]
    assert all(torch.isfinite(feature).all() for feature in features(family).values())
    assert all(feature.dtype == torch.float32 for feature in features(family).values())


@pytest.mark.parametrize("family", BACKBONES)
def test_the_last_hidden_state_is_averaged_over_tokens_or_space(family):
    # catches: channels averaged in place of space, a pooler or a class token in place of the mean
    with torch.no_grad():
        hidden = model(family)(pixel_values=images(family)).last_hidden_state
    assert features(family)[LAST_HIDDEN_STATE].shape == (4, BACKBONES[family].width)
    assert is_close(features(family)[LAST_HIDDEN_STATE], means(hidden, BACKBONES[family].channels))


@pytest.mark.parametrize("family", BACKBONES)
def test_layers_are_the_hidden_states_that_transformers_returns(family):
    # catches: a hook on the wrong module, such as the attention inside a block in place of the block
    with torch.no_grad():
        hidden_states = model(family)(pixel_values=images(family), output_hidden_states=True).hidden_states
    missing = [
        state.shape
        for state in hidden_states
        if not any(
            is_close(feature, means(state, channels))
            for channels in range(1, state.ndim)
            for feature in features(family).values()
        )
    ]
    assert len(missing) == HIDDEN_STATES_OF_THEIR_OWN.get(family, 0)


@pytest.mark.parametrize("family", BACKBONES)
def test_a_sample_has_the_same_features_in_any_batch(family):
    # catches: tokens of two samples averaged together, such as patches that MobileViT folds into the batch
    pixels = images(family)
    apart = pooled_features(model(family), [{"pixel_values": part} for part in (pixels[:1], pixels[1:2], pixels[2:])])
    for name, feature in features(family).items():
        assert is_close(apart[name], feature), name
        assert not is_close(feature[:1], feature[1:2]), name
