"""Layer groups from names alone: naming habits of other libraries, plain modules, wrappers and adapters."""

import pytest
import torch
from torch import nn

from hf_metalr.layer_groups import make_layer_groups
from hf_metalr.layer_groups.parameter_names import unwrap
from tests.layer_groups.naming_habits import HABITS


def names(groups):
    return [group.name for group in groups]


@pytest.mark.parametrize("habit", HABITS)
def test_naming_habits_of_other_libraries(habit):
    given, expected = HABITS[habit]
    groups = make_layer_groups(given.split())
    assert names(groups) == expected.split()
    assert sorted(name for group in groups for name in group.parameter_names) == sorted(given.split())
    assert [group.name for group in groups if group.is_head] == ["head"]


def test_sequential_of_layers_ends_in_the_head():
    cnn = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(2, 2))
    groups = make_layer_groups(cnn)
    assert names(groups) == ["layer.0", "layer.1", "head"]
    assert groups[-1] == type(groups[-1])("head", ("4.weight", "4.bias"), is_head=True)


def test_sequential_of_sequentials_groups_by_the_outer_number():
    cnn = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), nn.Sequential(nn.Conv2d(2, 2, 3)), nn.Linear(2, 2)
    )
    assert names(make_layer_groups(cnn)) == ["layer.0", "layer.1", "head"]


def test_a_bare_backbone_has_no_head():
    layers = [f"encoder.layer.{number}.mlp.weight" for number in range(2)]
    groups = make_layer_groups(["embeddings.cls_token", *layers, "layernorm.weight", "pooler.dense.weight"])
    assert names(groups) == ["embeddings", "layer.0", "layer.1", "norm", "pooler"]
    assert not any(group.is_head for group in groups)

    ends_in_a_convolution = ["conv_stem.weight", "layer.0.conv.weight", "conv_1x1.conv.weight", "conv_1x1.bn.weight"]
    assert names(make_layer_groups(ends_in_a_convolution)) == ["stem", "layer.0", "conv_1x1"]


def test_numbers_sort_as_numbers():
    given = [f"layers.{number}.mlp.weight" for number in range(12)]
    assert names(make_layer_groups([*given, "head.weight"]))[:12] == [f"layer.{number}" for number in range(12)]


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (12, ["layer.0-2", "layer.3-5", "layer.6-8", "layer.9-11"]),
        (6, ["layer.0-1", "layer.2-3", "layer.4", "layer.5"]),
        (3, ["layer.0", "layer.1", "layer.2"]),
    ],
)
def test_stages_of_a_flat_network_are_four_runs(depth, expected):
    given = [f"encoder.layers.{number}.mlp.weight" for number in range(depth)]
    assert names(make_layer_groups([*given, "head.weight"], "stage")) == [*expected, "head"]


PLAIN = ["vit.embeddings.cls_token", "vit.layers.0.mlp.weight", "vit.layers.1.mlp.weight", "classifier.weight"]


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda name: f"module.{name}",
        lambda name: f"_orig_mod.{name}",
        lambda name: f"module._orig_mod.{name}",
        lambda name: f"_orig_mod.module.{name}",
        lambda name: f"_fsdp_wrapped_module.{name}",
        lambda name: name.replace(".mlp", "._fsdp_wrapped_module._checkpoint_wrapped_module.mlp"),
        lambda name: f"base_model.model.{name}",
        lambda name: f"module.base_model.model.{name}",
    ],
)
@pytest.mark.parametrize("grouping", ["stage", "block", "tensor"])
def test_wrappers_change_no_group_name(wrapped, grouping):
    groups = make_layer_groups([wrapped(name) for name in PLAIN], grouping)
    plain = make_layer_groups(PLAIN, grouping)
    assert names(groups) == names(plain)
    assert [group.parameter_names for group in groups] == [
        tuple(wrapped(name) for name in group.parameter_names) for group in plain
    ]


def test_a_module_of_the_users_own_that_is_called_module_stays():
    assert names(make_layer_groups(["module.weight", "fc.weight"])) == ["module", "head"]


def test_compiled_model():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    assert names(make_layer_groups(torch.compile(model, backend="eager"))) == ["layer.0", "head"]


def test_adapters_group_with_the_layer_they_adapt():
    layer = "base_model.model.vit.layers.{}.attention.q_proj.{}"
    given = [layer.format(i, part) for i in range(2) for part in ("lora_A.default.weight", "lora_B.default.weight")]
    given += ["base_model.model.classifier.modules_to_save.default.weight"]
    groups = make_layer_groups(given)
    assert [(group.name, len(group.parameter_names)) for group in groups] == [
        ("layer.0", 2),
        ("layer.1", 2),
        ("head", 1),
    ]
    assert groups[-1].is_head
    assert len(make_layer_groups(given, "tensor")) == 5


@pytest.mark.parametrize(
    "adapted",
    [["lora_A.default.weight", "lora_B.default.weight"], ["base_layer.weight"], ["modules_to_save.default.weight"]],
)
def test_adapted_output_layer_without_a_head_word(adapted):
    given = [f"base_model.model.fc{layer}.{part}" for layer in range(2) for part in adapted]
    given += [f"base_model.model.fc2.{part}" for part in adapted]
    groups = make_layer_groups(given)
    assert names(groups) == ["fc0", "fc1", "head"]
    assert groups[-1].parameter_names == tuple(given[-len(adapted) :])


def test_no_names_are_unwrapped_to_none():
    # an endless loop otherwise: all of no names begin with a wrapper
    assert unwrap([]) == []
