"""How other libraries and plain modules name their parameters, and the layer groups that a reader expects."""

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
