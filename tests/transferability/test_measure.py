"""T of real models against its definition, written out; what counts, what is matched, and what is refused."""

import copy
import math

import pytest
import torch
from torch import nn
from transformers import (
    MobileNetV2ForImageClassification,
    ResNetConfig,
    ResNetForImageClassification,
    SwinConfig,
    SwinForImageClassification,
)

from hf_metalr import make_layer_groups
from hf_metalr.transferability import Protocol, transferability_profile
from tests.trainer.tiny import make_bert, make_convnext, make_vit
from tests.transferability.small import make_mlp, moved

MOBILENET = "examples/assets/mobilenetv2"


def by_hand(random: nn.Module, start: nn.Module, tuned: nn.Module, names: list[str]) -> float:
    values = [dict(model.named_parameters()) for model in (random, start, tuned)]
    far = [(values[0][name] - values[2][name]).abs().mean().item() for name in names]
    near = [(values[1][name] - values[2][name]).abs().mean().item() for name in names]
    return sum(far) / sum(near)


def test_every_layer_is_its_definition_and_the_head_stands_apart() -> None:
    start, random = make_vit(), make_vit()
    random.load_state_dict(moved(start, 0.1, seed=5).state_dict())
    tuned = moved(start, 0.01)
    profile = transferability_profile(tuned, start, random)
    groups = {group.name: group for group in make_layer_groups(tuned)}
    for layer in profile.layers:
        names = [
            name
            for name in groups[layer.name].parameter_names
            if name.endswith("weight") and dict(tuned.named_parameters())[name].ndim > 1
        ]
        assert layer.transferability == pytest.approx(by_hand(random, start, tuned, names), rel=1e-5), layer.name
        assert layer.tensors == len(names)
        assert layer.distance_from_pretrained == pytest.approx(0.01, rel=1e-4)
        assert layer.low <= layer.transferability <= layer.high
    body = [layer.transferability for layer in profile.layers if not layer.is_head]
    assert [layer.name for layer in profile.layers if layer.is_head] == ["head"]
    assert profile.transferability == pytest.approx(sum(body) / len(body))
    assert profile.left_out == {"norm": "no weights that count"}


def test_moving_twice_as_far_halves_every_layer() -> None:
    start = make_mlp()
    near, far = (transferability_profile(moved(start, by), start, make_mlp(9)) for by in (1e-4, 2e-4))
    for left, right in zip(near.layers, far.layers, strict=True):
        assert left.transferability == pytest.approx(2 * right.transferability, rel=2e-3)
        assert 2 * left.relative_drift == pytest.approx(right.relative_drift, rel=1e-3)


def test_a_model_that_is_no_nearer_to_its_start_than_to_chance_has_one() -> None:
    first, second, third = (make_mlp(seed) for seed in (1, 2, 3))
    profile = transferability_profile(first, second, third)
    assert all(layer.transferability == pytest.approx(1, abs=0.35) for layer in profile.layers)


def test_identical_ends_have_no_ratio_in_words() -> None:
    start = make_mlp()
    unmoved = transferability_profile(copy.deepcopy(start), start)
    assert all(layer.transferability == math.inf for layer in unmoved.layers)
    assert math.isnan(unmoved.transferability)
    assert "unmoved" in str(unmoved)
    nothing = transferability_profile(start, start, start)
    assert all(math.isnan(layer.transferability) for layer in nothing.layers)
    assert "undefined" in str(nothing)


def test_the_network_is_the_mean_of_the_layers_that_moved() -> None:
    start = make_mlp()
    tuned = moved(start, 0.01)
    tuned[0].load_state_dict(start[0].state_dict())  # a frozen first layer
    profile = transferability_profile(tuned, start)
    frozen, trained = (layer for layer in profile.layers if layer.name in ("layer.0", "layer.3"))
    assert frozen.transferability == frozen.high == math.inf
    assert profile.transferability == trained.transferability


def test_the_published_protocol_leaves_shortcuts_norms_and_biases_out() -> None:
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="bottleneck", num_labels=3)
    torch.manual_seed(0)
    start = ResNetForImageClassification(config)
    profile = transferability_profile(moved(start, 0.01), start, random_draws=1)
    assert {layer.name: layer.tensors for layer in profile.layers} == {
        "embeddings": 1,
        "stage.0.block.0": 3,  # of four convolutions: the shortcut is out
        "stage.1.block.0": 3,
        "head": 1,
    }
    every = transferability_profile(moved(start, 0.01), start, random_draws=1, protocol=Protocol(tensors="all"))
    parameters = sum(1 for _ in start.parameters())
    assert sum(layer.tensors for layer in every.layers) == parameters


def test_a_downsampling_layer_of_the_trunk_stays() -> None:
    # Swin calls it `downsample`, as torchvision calls a shortcut's projection
    config = SwinConfig(image_size=32, patch_size=2, embed_dim=8, depths=[1, 1], num_heads=[1, 1], window_size=4)
    start = SwinForImageClassification(config)
    names = [layer.name for layer in transferability_profile(moved(start, 0.01), start, random_draws=1).layers]
    assert any(name.endswith("downsample") for name in names), names


def test_averaging_after_the_ratio_and_with_the_head_are_other_numbers() -> None:
    start = make_convnext()
    tuned, random = moved(start, 0.01), make_convnext()
    random.load_state_dict(moved(start, 0.2, seed=4).state_dict())
    with torch.no_grad():
        tuned.convnext.encoder.stages[0].layers[0].dwconv.weight.add_(0.05)
    default, after, with_head = (
        transferability_profile(tuned, start, random, protocol=protocol)
        for protocol in ("published", Protocol(average="after_ratio"), Protocol(include_head=True))
    )
    changed = [
        a.name for a, b in zip(default.layers, after.layers, strict=True) if a.transferability != b.transferability
    ]
    assert "stage.0.block.0" in changed
    every = [layer.transferability for layer in default.layers]
    assert with_head.transferability == pytest.approx(sum(every) / len(every))


def test_a_new_head_of_another_size_is_left_out_with_the_reason() -> None:
    start, tuned = make_vit(num_labels=7), moved(make_vit(num_labels=3), 0.01)
    profile = transferability_profile(tuned, start)
    assert profile.left_out["head"] == "no pre-trained tensors of these names and shapes"
    assert not any(layer.is_head for layer in profile.layers)


@pytest.mark.filterwarnings("ignore:.*script_method.*:DeprecationWarning")  # torch's own, inside torch.compile
def test_wrappers_do_not_matter() -> None:
    start = make_vit()
    tuned = moved(start, 0.01)
    plain = transferability_profile(tuned, start)
    wrapped = transferability_profile(
        nn.DataParallel(torch.compile(tuned, backend="eager")), nn.DataParallel(start).state_dict()
    )
    assert wrapped.layers == plain.layers
    assert wrapped.random == plain.random  # drawn by the model's class, not the wrapper's


def test_a_real_network_from_its_folder_keeps_random_streams_and_weights(tmp_path) -> None:
    torch.manual_seed(0)
    start = MobileNetV2ForImageClassification.from_pretrained(MOBILENET, num_labels=2)
    tuned = moved(start, 0.003)
    tuned.save_pretrained(tmp_path)
    before = {name: value.clone() for name, value in tuned.state_dict().items()}
    stream = torch.get_rng_state()
    profile = transferability_profile(str(tmp_path), MOBILENET, random_draws=2, samples=400, steps=78)
    assert torch.equal(torch.get_rng_state(), stream)
    again = transferability_profile(tuned, start, random_draws=2)
    assert all(torch.equal(value, before[name]) for name, value in tuned.state_dict().items())
    assert profile.left_out == {"head": "no pre-trained tensors of these names and shapes"}
    assert len(profile.layers) == 18
    for left, right in zip(profile.layers, again.layers, strict=False):  # the head of `again` is known at both ends
        assert left.transferability == pytest.approx(right.transferability, rel=1e-6)
        assert 0 < left.draw_spread < 0.02 * left.transferability


def test_the_expectation_of_a_real_network_is_the_mean_of_draws() -> None:
    start = MobileNetV2ForImageClassification.from_pretrained(MOBILENET, num_labels=2)
    tuned = moved(start, 0.003)
    profile = transferability_profile(tuned, start, random_draws=2)
    expected = transferability_profile(tuned, start, "expectation")
    assert {family.split()[0] for family in expected.families.values()} == {"normal"}
    for drawn, closed in zip(profile.layers, expected.layers, strict=True):
        assert closed.transferability == pytest.approx(drawn.transferability, rel=0.02)
        assert closed.draw_spread == 0


def test_text_models_have_a_profile_with_their_lookup_tables() -> None:
    start = make_bert()
    profile = transferability_profile(moved(start, 0.01), start, random_draws=1)
    assert [layer.name for layer in profile.layers] == ["embeddings", "layer.0", "layer.1", "pooler", "head"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"random_draws": 0}, "`random_draws` must be an integer"),
        ({"protocol": "paper"}, "`protocol` must be 'published' or"),
        ({"confidence": 1.0}, "`confidence` must lie strictly"),
        ({"learning_rate": math.nan}, "`learning_rate` must be finite"),
        ({"steps": -1}, "`steps` must be finite and at least 0"),
        ({"layer_groups": "layer"}, "`layer_groups` must be one of"),
    ],
)
def test_unknown_options_are_refused(options, message) -> None:
    start = make_mlp()
    with pytest.raises(ValueError, match=message):
        transferability_profile(moved(start, 0.1), start, **options)


def test_a_model_of_nothing_but_scales_and_a_head_asks_for_another_protocol() -> None:
    start = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2))
    with pytest.raises(ValueError, match=r"Pass protocol=Protocol\(tensors='all'\)"):
        transferability_profile(moved(start, 0.1), start)
    every = transferability_profile(moved(start, 0.1), start, protocol=Protocol(tensors="all"))
    assert every.layers[0].distance_from_random == pytest.approx(0.1, rel=1e-5)  # 1 and 0 at every draw


def test_ends_that_share_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="`pretrained` must be what fine-tuning started from"):
        transferability_profile(make_vit(), make_bert())
