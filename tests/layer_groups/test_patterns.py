"""The user's own patterns, and what `make_layer_groups` refuses."""

import pytest
from torch import nn

from hf_metalr.layer_groups import make_layer_groups

NAMES = [
    "vit.embeddings.cls_token",
    "vit.layers.0.mlp.weight",
    "vit.layers.0.mlp.bias",
    "vit.layers.1.mlp.weight",
    "vit.layernorm.weight",
    "classifier.weight",
    "classifier.bias",
]


def grouped(patterns, names=NAMES):
    return {group.name: group.parameter_names for group in make_layer_groups(names, patterns)}


def test_what_no_pattern_matches_falls_to_its_block():
    assert grouped({r"layers\.0\.": "low"}) == {
        "embeddings": ("vit.embeddings.cls_token",),
        "low": ("vit.layers.0.mlp.weight", "vit.layers.0.mlp.bias"),
        "layer.1": ("vit.layers.1.mlp.weight",),
        "norm": ("vit.layernorm.weight",),
        "head": ("classifier.weight", "classifier.bias"),
    }


def test_the_first_pattern_wins():
    both = grouped({r"bias$": "biases", r"layers|classifier": "weights"})
    assert both["biases"] == ("vit.layers.0.mlp.bias", "classifier.bias")
    assert both["weights"] == ("vit.layers.0.mlp.weight", "vit.layers.1.mlp.weight", "classifier.weight")


def test_own_groups_stand_where_their_first_parameter_stands():
    assert list(grouped({"layernorm|cls_token": "ends"})) == ["ends", "layer.0", "layer.1", "head"]


def test_a_head_of_ones_own_stands_last_wherever_it_begins():
    assert list(grouped({"classifier|cls_token": "head"})) == ["layer.0", "layer.1", "norm", "head"]


def test_two_patterns_may_share_a_group():
    assert grouped({"layers.0": "body", "layers.1": "body"})["body"] == tuple(NAMES[1:4])


def test_a_pattern_can_enlarge_a_default_group():
    assert grouped({"layernorm": "head"})["head"] == ("vit.layernorm.weight", "classifier.weight", "classifier.bias")


@pytest.mark.parametrize(
    ("patterns", "heads"),
    [
        ({r"classifier\.bias": "bias"}, ["bias", "head"]),
        ({"layernorm": "head"}, ["head"]),
        ({"layernorm|classifier": "end"}, []),
    ],
)
def test_head_flag_of_own_groups(patterns, heads):
    assert [group.name for group in make_layer_groups(NAMES, patterns) if group.is_head] in (heads, heads[::-1])


@pytest.mark.parametrize("pattern", [r"^vit\.layers", r"^module\.vit\.layers"])
def test_patterns_may_name_the_wrapper_or_not(pattern):
    wrapped = [f"module.{name}" for name in NAMES]
    assert len(grouped({pattern: "body"}, wrapped)["body"]) == 3


def test_patterns_see_adapters():
    names = ["base_model.model.h.0.q.lora_A.default.weight", "base_model.model.h.0.q.lora_B.default.weight"]
    assert list(grouped({"lora_A": "down", "lora_B": "up"}, names)) == ["down", "up"]


@pytest.mark.parametrize(
    ("pattern", "near"),
    [
        (r"vit\.layres\.0", "vit.layers.0.mlp.weight"),
        ("clasifier", "classifier.weight"),
        (r"vit\.encoder\.layers\.1\.mlp", "vit.layers.1.mlp.weight"),
        ("cls_tokens$", "vit.embeddings.cls_token"),
    ],
)
def test_a_pattern_that_matches_nothing_shows_near_misses(pattern, near):
    with pytest.raises(ValueError, match="matches no trainable parameter") as error:
        make_layer_groups(NAMES, {pattern: "group"})
    assert repr(pattern) in str(error.value)
    assert near in str(error.value).split("Near misses: ")[1]


def test_without_a_near_miss_the_names_are_shown():
    with pytest.raises(ValueError, match=r"names look like 'vit\.embeddings\.cls_token' … 'classifier\.bias'"):
        make_layer_groups(NAMES, {"@@@": "group"})


def test_a_pattern_for_frozen_parameters_matches_nothing():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[0].requires_grad_(False)
    with pytest.raises(ValueError, match="matches no trainable parameter"):
        make_layer_groups(model, {r"^0\.": "first"})


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ({}, "empty mapping"),
        ({"layers": "a", r"layers\.0": "b"}, "only parameters that earlier patterns took"),
        ({"layers(": "a"}, "not a valid regular expression"),
        ({3: "a"}, "has the key 3"),
        ({"layers": ""}, "found ''"),
        ({"layers": "my layers"}, "found 'my layers'"),
        ({"layers": "a/b"}, "found 'a/b'"),
        ({"layers": None}, "found None"),
    ],
)
def test_bad_patterns(patterns, message):
    with pytest.raises(ValueError, match=message):
        make_layer_groups(NAMES, patterns)


@pytest.mark.parametrize("grouping", ["layer", "Block", "", None, ["block"]])
def test_unknown_grouping(grouping):
    with pytest.raises(ValueError, match="`layer_groups` must be one of 'stage', 'block', 'tensor' or a mapping"):
        make_layer_groups(NAMES, grouping)


def test_a_model_without_trainable_parameters():
    frozen = nn.Linear(2, 2).requires_grad_(False)
    with pytest.raises(ValueError, match=r"Linear has no trainable parameter \(2 frozen\).*requires_grad_"):
        make_layer_groups(frozen)
    with pytest.raises(ValueError, match=r"ReLU has no trainable parameter \(0 frozen\)"):
        make_layer_groups(nn.ReLU())


def test_no_names():
    with pytest.raises(ValueError, match="is empty"):
        make_layer_groups([])


def test_a_single_text_is_no_list_of_names():
    with pytest.raises(ValueError, match=r"found the text 'fc\.weight'"):
        make_layer_groups("fc.weight")


def test_repeated_names():
    with pytest.raises(ValueError, match=r"repeated \['fc\.weight'\]"):
        make_layer_groups(["fc.weight", "fc.bias", "fc.weight"])
