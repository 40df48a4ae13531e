"""Layer groups from names alone: naming habits of other libraries, plain modules, wrappers and adapters."""

import pytest
import torch
from torch import nn

from hf_metalr.layer_groups import make_layer_groups

# Written after the naming of each library; expected: block grouping, read as the legend of a plot.
HABITS = {
    "torchvision resnet": (
        "conv1.weight bn1.weight layer1.0.conv1.weight layer1.1.conv1.weight layer2.0.conv1.weight "
        "layer2.0.downsample.0.weight fc.weight fc.bias",
        "stem stage.1.block.0 stage.1.block.1 stage.2.block.0 head",
    ),
    "torchvision densenet": (
        "features.conv0.weight features.norm0.weight features.denseblock1.denselayer1.norm1.weight "
        "features.denseblock1.denselayer2.conv1.weight features.transition1.conv.weight "
        "features.denseblock2.denselayer1.norm1.weight features.norm5.weight classifier.weight",
        "stem stage.1.block.1 stage.1.block.2 transition1 stage.2.block.1 norm head",
    ),
    "torchvision mobilenet": (
        "features.0.0.weight features.0.1.weight features.1.block.0.0.weight features.2.block.0.0.weight "
        "features.2.block.1.fc1.weight classifier.0.weight classifier.3.weight",
        "features.0 features.1 features.2 head",
    ),
    "torchvision convnext": (
        "features.0.0.weight features.1.0.layer_scale features.1.0.block.0.weight features.1.1.layer_scale "
        "features.1.1.block.0.weight features.2.1.weight features.3.0.block.0.weight classifier.2.weight",
        "stage.0 stage.1.block.0 stage.1.block.1 stage.2 stage.3.block.0 head",
    ),
    "torchvision vit": (
        "class_token conv_proj.weight encoder.pos_embedding encoder.layers.encoder_layer_0.mlp.0.weight "
        "encoder.layers.encoder_layer_1.ln_1.weight encoder.ln.weight heads.head.weight",
        "embeddings layer.0 layer.1 norm head",
    ),
    "timm vit": (
        "cls_token pos_embed patch_embed.proj.weight blocks.0.norm1.weight blocks.0.mlp.fc1.weight "
        "blocks.1.norm1.weight norm.weight head.weight",
        "embeddings layer.0 layer.1 norm head",
    ),
    "timm convnext": (
        "stem.0.weight stem.1.weight stages.0.blocks.0.conv_dw.weight stages.1.downsample.0.weight "
        "stages.1.blocks.0.conv_dw.weight head.fc.weight",
        "stem stage.0.block.0 stage.1.downsample stage.1.block.0 head",
    ),
    "timm efficientnet": (
        "conv_stem.weight bn1.weight blocks.0.0.se.conv_reduce.weight blocks.1.0.bn1.weight "
        "blocks.1.0.se.conv_reduce.weight blocks.1.1.se.conv_reduce.weight "
        "conv_head.weight bn2.weight classifier.weight",
        "stem stage.0.block.0 stage.1.block.0 stage.1.block.1 conv_head norm head",
    ),
    "timm regnet": (
        "stem.conv.weight s1.b1.conv1.conv.weight s1.b2.conv1.conv.weight s2.b1.conv1.conv.weight head.fc.weight",
        "stem stage.1.block.1 stage.1.block.2 stage.2.block.1 head",
    ),
    "transformers 4 segformer": (
        "e.patch_embeddings.0.proj.weight e.patch_embeddings.1.proj.weight e.block.0.0.mlp.dense1.weight "
        "e.block.1.0.mlp.dense1.weight e.block.1.1.mlp.dense1.weight e.layer_norm.0.weight e.layer_norm.1.weight "
        "decode_head.linear_c.0.proj.weight decode_head.classifier.weight",
        "stage.0.embeddings stage.0.block.0 stage.0.norm "
        "stage.1.embeddings stage.1.block.0 stage.1.block.1 stage.1.norm head",
    ),
    "first convnext": (
        "downsample_layers.0.0.weight downsample_layers.1.0.weight stages.0.0.dwconv.weight stages.1.0.dwconv.weight "
        "norm.weight head.weight",
        "stage.0.downsample stage.0.block.0 stage.1.downsample stage.1.block.0 norm head",
    ),
    "efficientnet-lite": (
        "stem.0.weight stem.1.weight blocks.0.0._depthwise_conv.weight blocks.1.0._expand_conv.weight "
        "blocks.1.1._expand_conv.weight head.0.weight head.1.weight fc.weight",
        "stem stage.0.block.0 stage.1.block.0 stage.1.block.1 neck head",
    ),
    "efficientnet-pytorch": (
        "_conv_stem.weight _bn0.weight _blocks.0._depthwise_conv.weight _blocks.1._bn1.weight _conv_head.weight "
        "_bn1.weight _fc.weight",
        "stem layer.0 layer.1 conv_head norm head",
    ),
    "unet": (
        "inc.double_conv.0.weight inc.double_conv.1.weight down1.maxpool_conv.1.double_conv.0.weight up1.up.weight "
        "up1.conv.double_conv.0.weight outc.conv.weight",
        "inc down1 up1 head",
    ),
    "segmentation with a resnet encoder": (
        "encoder.conv1.weight encoder.layer1.0.conv1.weight encoder.layer2.0.conv1.weight "
        "decoder.blocks.0.conv1.0.weight segmentation_head.0.weight",
        "encoder.stem encoder.stage.1.block.0 encoder.stage.2.block.0 decoder.layer.0 head",
    ),
    "encoder and decoder joined by a projection": (
        "encoder.embeddings.x.weight encoder.layers.0.a.weight encoder.layernorm.weight "
        "decoder.bert.embeddings.word.weight decoder.bert.encoder.layer.0.a.weight decoder.cls.predictions.bias "
        "enc_to_dec_proj.weight",
        "encoder.embeddings encoder.layer.0 encoder.norm decoder.embeddings decoder.layer.0 enc_to_dec_proj head",
    ),
    "two lists in one tower": (
        "conv_in.weight down_blocks.0.resnets.0.conv1.weight up_blocks.0.resnets.0.conv1.weight mid_block.a.weight "
        "conv_norm_out.weight lm_head.weight",
        "stem down_blocks.0 up_blocks.0 mid_block norm head",
    ),
    "sentence-transformers": (
        "0.auto_model.embeddings.word.weight 0.auto_model.encoder.layer.0.a.weight 0.auto_model.pooler.dense.weight "
        "2.linear.weight",
        "embeddings layer.0 pooler head",
    ),
    "a model inside a wrapper": (
        "net.vit.embeddings.cls_token net.vit.layers.0.a.weight net.vit.layernorm.weight net.classifier.weight",
        "embeddings layer.0 norm head",
    ),
    "input projection": (
        "input_proj.weight layers.0.a.weight layers.1.a.weight norm.weight head.weight",
        "stem layer.0 layer.1 norm head",
    ),
    "embeddings defined behind the blocks": (
        "transformer.resblocks.0.a.weight transformer.resblocks.1.a.weight token_embedding.weight ln_final.weight "
        "text_projection.weight",
        "embeddings layer.0 layer.1 norm head",
    ),
    "a neck with layers of its own": (
        "patch_embed.proj.weight blocks.0.a.weight blocks.1.a.weight norm.weight neck.layers.0.a.weight "
        "neck.norm.weight head.weight",
        "embeddings blocks.0 blocks.1 norm neck.layer.0 neck.norm head",
    ),
    "two encoders with parallel lists": (
        "a.patch_embed.0.p.weight a.patch_embed.1.p.weight a.block.0.0.m.weight a.block.1.0.m.weight "
        "b.patch_embed.0.p.weight b.patch_embed.1.p.weight b.block.0.0.m.weight b.block.1.0.m.weight head.weight",
        "a.stage.0.embeddings a.stage.0.block.0 a.stage.1.embeddings a.stage.1.block.0 "
        "b.stage.0.embeddings b.stage.0.block.0 b.stage.1.embeddings b.stage.1.block.0 head",
    ),
    "levels and layers": (
        "embeddings.p.weight levels.0.layers.0.a.weight levels.0.downsample.norm.weight levels.1.layers.0.a.weight "
        "head.weight",
        "embeddings stage.0.block.0 stage.0.downsample stage.1.block.0 head",
    ),
    "numbered stages and units": (
        "stem.weight stage1.unit1.conv.weight stage1.unit2.conv.weight stage2.unit1.conv.weight fc.weight",
        "stem stage.1.block.1 stage.1.block.2 stage.2.block.1 head",
    ),
    "transformers inside stages": (
        "conv_stem.c.weight e.layer.0.layer.0.conv.weight e.layer.1.downsampling_layer.conv.weight "
        "e.layer.1.transformer.layer.0.a.weight e.layer.1.transformer.layer.1.a.weight e.layer.1.fusion.c.weight "
        "classifier.weight",
        "stem stage.0.block.0 stage.1.downsample stage.1.block.0 stage.1.block.1 stage.1.fusion head",
    ),
    "shared layers": (
        "albert.embeddings.w.weight albert.encoder.embedding_hidden_mapping_in.weight "
        "albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.weight "
        "albert.encoder.albert_layer_groups.1.albert_layers.0.ffn.weight albert.pooler.weight classifier.weight",
        "embeddings layer.0 layer.1 pooler head",
    ),
    "a parameter behind the head": (
        "conv1.weight layer1.0.conv.weight _fc.weight temperature",
        "stem stage.1.block.0 temperature head",
    ),
    "small cnn": ("conv1.weight bn1.weight conv2.weight bn2.weight fc.weight", "conv1 bn1 conv2 bn2 head"),
    "mlp": ("fc1.weight fc1.bias fc2.weight fc3.weight fc3.bias", "fc1 fc2 head"),
    "module list": ("convs.0.weight convs.1.weight out.weight", "convs.0 convs.1 head"),
    "bag of words": ("embedding.weight fc.weight", "embeddings head"),
    "linear probe": ("weight bias", "head"),
}


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
