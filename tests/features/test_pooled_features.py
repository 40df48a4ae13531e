"""What the pass over the data promises: no trace, bounded memory, padding left out, bad input refused."""

import random
import weakref

import numpy as np
import pytest
import torch
import transformers as hf
from torch import nn

from hf_metalr.features import LAST_HIDDEN_STATE, layer_modules, pooled_features
from hf_metalr.features.pooling import pool
from tests.layer_groups.families import FAMILIES
from tests.trainer.tiny import make_bert, make_vit


def vit_batches(count: int = 3, size: int = 2) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [{"pixel_values": torch.randn(size, 3, 16, 16, generator=generator)} for _ in range(count)]


def random_states() -> list[bytes]:
    return [
        repr(random.getstate()).encode(),
        np.random.get_state()[1].tobytes(),
        torch.get_rng_state().numpy().tobytes(),
    ]


def hooks(model: nn.Module) -> list[int]:
    return [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]


def mae() -> hf.ViTMAEModel:
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "num_hidden_layers": 2}
    return hf.ViTMAEModel(hf.ViTMAEConfig(**sizes, image_size=16, patch_size=4))


@pytest.mark.parametrize("build", [make_vit, mae], ids=["vit", "mae"])
@pytest.mark.parametrize("fails", [False, True])
def test_no_trace_is_left(build, fails):
    model = build().train()
    model.get_submodule("vit.embeddings" if hasattr(model, "vit") else "embeddings").eval()  # a mode of its own
    modes = [module.training for module in model.modules()]
    before = hooks(model), random_states(), getattr(model.config, "mask_ratio", None)
    if fails:
        with pytest.raises(ValueError, match="pixel"):
            pooled_features(model, [*vit_batches(1), {"pixel_values": torch.zeros(2, 1, 16, 16)}])
    else:
        pooled_features(model, vit_batches())
    assert (hooks(model), random_states(), getattr(model.config, "mask_ratio", None)) == before
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.grad is None for parameter in model.parameters())


def test_dropout_is_off():
    model = make_vit(dropout=0.5).train()
    first, second = (pooled_features(model, vit_batches()) for _ in range(2))
    torch.nn.Module.eval(model)
    for name, feature in pooled_features(model, vit_batches()).items():
        assert torch.equal(first[name], feature)
        assert torch.equal(second[name], feature)


def test_whole_images_reach_a_masked_autoencoder():
    model = mae().eval()
    features = pooled_features(model, vit_batches())
    model.config.mask_ratio = 0.0
    with torch.no_grad():
        whole = torch.cat([model(**batch).last_hidden_state.mean(1) for batch in vit_batches()])
    torch.testing.assert_close(features[LAST_HIDDEN_STATE], whole)


def test_memory_holds_the_outputs_of_one_or_two_layers():
    # catches: outputs gathered first and pooled later, and `output_hidden_states=True`
    model = make_vit(num_hidden_layers=12)
    alive: list[weakref.ref[torch.Tensor]] = []
    most = 0

    def watch(module, args, output):
        nonlocal most
        alive.append(weakref.ref(output))
        most = max(most, sum(reference() is not None for reference in alive))

    handles = [module.register_forward_hook(watch) for module in layer_modules(model).values()]
    features = pooled_features(model, vit_batches(4))
    for handle in handles:
        handle.remove()
    assert len(alive) == 4 * 14
    assert most <= 3  # a layer's output, its input, and the skip of a residual connection
    assert all(feature.untyped_storage().nbytes() == feature.numel() * 4 for feature in features.values())


def test_padding_changes_nothing():
    model = make_bert()
    tokens = torch.randint(3, 30, (2, 5))
    short = pooled_features(model, [{"input_ids": tokens, "attention_mask": torch.ones(2, 5)}])
    padded = torch.cat([tokens, torch.full((2, 4), 7)], dim=1)
    mask = (torch.arange(9) < 5).long().expand(2, 9)
    long = pooled_features(model, [{"input_ids": padded, "attention_mask": mask}])
    assert list(short) == ["embeddings", "layer.0", "layer.1", LAST_HIDDEN_STATE]
    for name, feature in short.items():
        torch.testing.assert_close(long[name], feature, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("family", ["gpt2, tied", "distilbert", "roberta", "bert, masked language model"])
def test_text_families_have_features_of_every_layer(family):
    model = FAMILIES[family].build()
    ids = torch.randint(3, 11, (3, 5))
    features = pooled_features(model, [{"input_ids": ids, "attention_mask": torch.ones_like(ids)}])
    blocks = [name for name in FAMILIES[family].blocks.split() if name not in ("head", "pooler")]
    assert list(features) == [*blocks, LAST_HIDDEN_STATE]
    assert {feature.shape for feature in features.values()} == {(3, 8)}


@pytest.mark.parametrize("family", ["clip, classification", "siglip"])
def test_a_classifier_that_is_its_own_base_is_cut_before_its_head(family):
    features = pooled_features(FAMILIES[family].build(), vit_batches(1))
    assert features[LAST_HIDDEN_STATE].shape == (2, 8)  # not its two logits


def test_a_random_pooler_plays_no_part():
    model = hf.BertModel(make_bert().config)
    ids = {"input_ids": torch.randint(3, 30, (3, 5))}
    features = pooled_features(model, [ids])
    nn.init.normal_(model.pooler.dense.weight, std=9.0)
    again = pooled_features(model, [ids])
    assert "pooler" not in features
    assert all(torch.equal(again[name], feature) for name, feature in features.items())


def test_half_precision_models_give_float32_features():
    model = make_vit()
    full = pooled_features(model, vit_batches())
    half = pooled_features(model.to(torch.bfloat16), vit_batches())
    for name, feature in half.items():
        assert feature.dtype == torch.float32
        torch.testing.assert_close(feature, full[name], rtol=0.05, atol=0.05)
        # averaged in float32: the mean of tokens is no bfloat16 number
    assert not torch.equal(half["layer.0"], half["layer.0"].bfloat16().float())


def test_plain_modules_are_called_with_tensors_or_by_keyword():
    body = nn.Sequential(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = nn.Sequential(*body, nn.Linear(8, 2))
    pixels = torch.randn(4, 3, 8, 8)
    features = pooled_features(model, [pixels])
    torch.testing.assert_close(features["layer.0"], body[0](pixels).mean((2, 3)).detach())
    torch.testing.assert_close(features[LAST_HIDDEN_STATE], body(pixels).detach())
    by_keyword = pooled_features(model, [{"input": pixels}])
    assert torch.equal(by_keyword["layer.0"], features["layer.0"])


def test_frozen_models_have_layers():
    model = make_vit()
    names = list(layer_modules(model))
    assert list(layer_modules(model.requires_grad_(False))) == names


def test_chosen_layers_only():
    model = make_vit()
    everything = pooled_features(model, vit_batches())
    chosen = pooled_features(model, vit_batches(), [LAST_HIDDEN_STATE, "layer.0"])
    assert list(chosen) == ["layer.0", LAST_HIDDEN_STATE]
    assert torch.equal(chosen["layer.0"], everything["layer.0"])


@pytest.mark.parametrize(
    ("shape", "module", "channels"),
    [
        ((2, 8, 5, 3), nn.Conv2d(3, 8, 1), 1),
        ((2, 5, 3, 8), nn.Linear(4, 8), 3),
        ((2, 5, 5, 8), nn.Identity(), 3),  # nothing but the square tells
        ((2, 8, 5, 5), nn.Identity(), 1),
        ((2, 8, 8, 8), nn.Conv2d(3, 8, 1), 1),  # as many channels as rows
        ((2, 8, 8, 8), nn.LayerNorm(8), 3),
        ((2, 5, 8), nn.Linear(4, 8), 2),
        ((2, 8, 5), nn.Conv1d(4, 8, 1), 1),
        ((2, 8, 8), nn.Linear(4, 8), 2),
        ((2, 8, 4, 5, 5), nn.Conv3d(3, 8, 1), 1),
        ((2, 8, 1, 1), nn.Conv2d(3, 8, 1), 1),
        ((2, 8), nn.Linear(4, 8), 1),
    ],
)
def test_channels_are_told_from_space(shape, module, channels):
    output = torch.randn(shape)
    expected = means(output, channels)
    torch.testing.assert_close(pool(output, 2, module), expected)


def means(output: torch.Tensor, channels: int) -> torch.Tensor:
    kept = output.movedim(channels, 1)
    return kept.flatten(2).mean(2) if output.ndim > 2 else kept


def test_tokens_first_is_read_from_the_module():
    attention = nn.MultiheadAttention(8, 2)  # batch_first is False
    output = torch.randn(5, 3, 8)
    torch.testing.assert_close(pool(output, 3, attention), output.mean(0))
    with pytest.raises(ValueError, match="another batch size"):
        pool(torch.randn(3, 3, 8), 3, attention)


@pytest.mark.parametrize(
    ("model", "batches", "layers", "message"),
    [
        (make_vit, vit_batches(), ["layer.9"], r"`layers` must be among .*layer\.1.*found \['layer\.9'\]"),
        (make_vit, [], None, "`batches` is empty"),
        (lambda: nn.Sequential(nn.Flatten(0), nn.Linear(24, 2), nn.Linear(2, 1)), [torch.ones(2, 12)], None, "samples"),
        (lambda: nn.ReLU(), [torch.ones(2, 3)], None, "no trainable parameter"),
    ],
)
def test_what_cannot_be_pooled_is_refused_in_words(model, batches, layers, message):
    with pytest.raises(ValueError, match=message):
        pooled_features(model(), batches, layers)


def test_an_unreached_tower_is_left_out_and_refused_by_name():
    class Towers(nn.Module):
        def __init__(self):
            super().__init__()
            self.image_encoder = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(3, 4), nn.Linear(4, 4)])})
            self.text_encoder = nn.ModuleDict({"layers": nn.ModuleList([nn.Linear(3, 4), nn.Linear(4, 4)])})

        def forward(self, x):
            return self.image_encoder["layers"][1](self.image_encoder["layers"][0](x))

    names = list(layer_modules(Towers()))
    unreached = [name for name in names if "text" in name]
    assert len(unreached) == 2
    features = pooled_features(Towers(), [torch.ones(2, 3)])
    assert list(features) == [*(name for name in names if "text" not in name), LAST_HIDDEN_STATE]
    with pytest.raises(ValueError, match="did not run"):
        pooled_features(Towers(), [torch.ones(2, 3)], [*unreached, LAST_HIDDEN_STATE])


def test_square_maps_are_pooled_over_space_whatever_widths_the_module_has() -> None:
    # catches: a map of 32 x 32 pixels taken for 32 channels, because a convolution inside the block has 32 outputs
    class Concatenating(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.grow = nn.Conv2d(8, 32, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([x, self.grow(x)], dim=1)  # 40 channels

    output = torch.randn(2, 40, 32, 32)
    assert torch.allclose(pool(output, 2, Concatenating()), output.mean(dim=(2, 3)), atol=1e-6)
