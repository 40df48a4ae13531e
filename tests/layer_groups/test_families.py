"""Every family of Transformers: the names a reader of a plot expects, and what holds for all of them."""

import re
from functools import cache
from itertools import pairwise

import pytest
from torch import nn

from hf_metalr.layer_groups import LayerGroup, make_layer_groups
from tests.layer_groups.families import FAMILIES


@cache
def model(family: str) -> nn.Module:
    return FAMILIES[family].build()


def names(groups: tuple[LayerGroup, ...]) -> list[str]:
    return [group.name for group in groups]


def members(family: str, name: str) -> set[str]:
    return {
        parameter
        for group in make_layer_groups(model(family))
        if group.name == name
        for parameter in group.parameter_names
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_blocks_as_written_by_hand(family):
    assert names(make_layer_groups(model(family))) == FAMILIES[family].blocks.split()


@pytest.mark.parametrize("family", FAMILIES)
def test_stages_as_written_by_hand(family):
    assert names(make_layer_groups(model(family), "stage")) == FAMILIES[family].stages.split()


@pytest.mark.parametrize("grouping", ["stage", "block", "tensor"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_trainable_parameter_is_in_exactly_one_group(family, grouping):
    groups = make_layer_groups(model(family), grouping)
    grouped = [name for group in groups for name in group.parameter_names]
    trainable = [name for name, parameter in model(family).named_parameters() if parameter.requires_grad]
    assert sorted(grouped) == sorted(trainable)
    assert all(group.parameter_names for group in groups)
    assert len(set(names(groups))) == len(groups)
    assert not any(character in name for name in names(groups) for character in " /")


@pytest.mark.parametrize("grouping", ["stage", "block", "tensor"])
@pytest.mark.parametrize("family", FAMILIES)
def test_heads_are_last(family, grouping):
    flags = [group.is_head for group in make_layer_groups(model(family), grouping)]
    assert flags == sorted(flags)
    assert any(flags) == FAMILIES[family].blocks.endswith(" head")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_and_the_names_of_all_its_parameters_give_the_same_groups(family):
    trainable = {name for name, parameter in model(family).named_parameters() if parameter.requires_grad}
    by_name = {
        group.name: [name for name in group.parameter_names if name in trainable]
        for group in make_layer_groups(name for name, _ in model(family).named_parameters())
    }
    assert by_name == {group.name: list(group.parameter_names) for group in make_layer_groups(model(family))}


@pytest.mark.parametrize("family", FAMILIES)
def test_tensors_follow_the_order_of_the_blocks(family):
    block_of = {name: g.name for g in make_layer_groups(model(family)) for name in g.parameter_names}
    by_tensor = [block_of[g.parameter_names[0]] for g in make_layer_groups(model(family), "tensor")]
    assert list(dict.fromkeys(by_tensor)) == names(make_layer_groups(model(family)))
    assert len(set(by_tensor)) == 1 + sum(
        one != other for one, other in pairwise(by_tensor)
    )  # no block is visited twice


@pytest.mark.parametrize(
    ("family", "group", "expected"),
    [
        ("deit with teacher", "head", {"cls_classifier.weight", "distillation_classifier.bias"}),
        ("resnet", "head", {"classifier.1.weight", "classifier.1.bias"}),
        ("dinov2 with registers", "embeddings", {"dinov2_with_registers.embeddings.register_tokens"}),
        (
            "beit, shared bias",
            "embeddings",
            {
                "beit.shared_position_bias.relative_position_bias_table"
                "|beit.encoder.relative_position_bias.relative_position_bias_table"
            },
        ),
        ("beit", "layer.0", {"beit.layers.0.lambda_1|beit.encoder.layer.0.lambda_1"}),
        (
            "segformer, segmentation",
            "head",
            {
                "decode_head.linear_projections.0.proj.weight|decode_head.linear_c.0.proj.weight",
                "decode_head.batch_norm.bias",
            },
        ),
        ("pvt", "stage.3.embeddings", {"pvt.encoder.patch_embeddings.3.cls_token"}),
        ("clip, classification", "embeddings", {"vision_model.pre_layrnorm.weight"}),
        ("clip, vision projection", "head", {"visual_projection.weight"}),
        ("siglip", "neck", {"vision_model.head.attention.in_proj_weight"}),
        ("distilbert", "head", {"pre_classifier.weight", "classifier.weight"}),
        ("gpt2, tied", "embeddings", {"transformer.wte.weight", "transformer.wpe.weight"}),
        ("t5", "embeddings", {"shared.weight"}),
        ("t5", "encoder.layer.0", {"encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"}),
        ("t5", "decoder.layer.2", {"decoder.block.2.layer.1.EncDecAttention.q.weight"}),
        ("whisper", "encoder.embeddings", {"model.encoder.conv1.weight", "model.encoder.conv2.bias"}),
        (
            "whisper",
            "decoder.embeddings",
            {"model.decoder.embed_tokens.weight", "model.decoder.embed_positions.weight"},
        ),
        ("whisper, classification", "head", {"projector.weight", "classifier.weight"}),
        ("mobilenetv2", "stem", {"mobilenet_v2.conv_stem.first_conv.convolution.weight"}),
    ],
)
def test_odd_parameters_land_where_they_belong(family, group, expected):
    # A few names differ between versions of Transformers: "the newest|the oldest".
    found = members(family, group)
    for name in expected:
        assert found & set(name.split("|")), name


def test_freezing_renames_no_group():
    frozen = FAMILIES["t5"].build()
    for parameter in frozen.encoder.parameters():
        parameter.requires_grad_(False)
    expected = [name for name in FAMILIES["t5"].blocks.split() if name.startswith("decoder.")]
    assert names(make_layer_groups(frozen)) == expected

    vit = FAMILIES["vit"].build()
    for name, parameter in vit.named_parameters():
        parameter.requires_grad_(re.match(r"vit\.(embeddings|(encoder\.)?layers?\.0)\.", name) is None)
    assert names(make_layer_groups(vit, "stage")) == FAMILIES["vit"].stages.split()[1:]
