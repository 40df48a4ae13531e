"""Backbones of many vision families in miniature, and where each keeps its channels."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import transformers as hf

_VIT = {
    "hidden_size": 8,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "num_hidden_layers": 2,
    "image_size": 16,
    "patch_size": 4,
}
_SWIN = {"embed_dim": 8, "depths": [1, 2], "num_heads": [2, 2], "window_size": 2, "image_size": 16, "patch_size": 2}
_CONVNEXT = {"hidden_sizes": [8, 12], "depths": [1, 2], "num_stages": 2, "patch_size": 2}
_RESNET = {"embedding_size": 8, "hidden_sizes": [8, 12], "depths": [2, 1]}
_FOUR = {"depths": [1, 1, 2, 1], "hidden_sizes": [8, 8, 12, 12]}
_HEADS = {"num_attention_heads": [1, 1, 2, 2]}
_LEVIT = {"hidden_sizes": [12, 16, 24], "key_dim": [4] * 3, "num_attention_heads": [2] * 3, "depths": [1, 1, 2]}
_CVT = {"embed_dim": [8, 12, 16], "num_heads": [1, 1, 2], "depth": [1, 2, 3]}
_MOBILEVIT = {"hidden_sizes": [8, 12, 16], "neck_hidden_sizes": [4, 8, 8, 12, 12, 16, 24], "num_attention_heads": 2}
_SAM = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "output_channels": 12, "mlp_dim": 8}
_FOCALNET = {"embed_dim": 8, "depths": [1, 2], "hidden_sizes": [8, 16], "focal_levels": [2, 2], "focal_windows": [3, 3]}

CHANNELS_FIRST, CHANNELS_LAST = 1, -1


@dataclass(frozen=True)
class Backbone:
    """channels: the dimension of the channels in `last_hidden_state`; width: how many it has."""

    build: Callable[[], hf.PreTrainedModel]
    channels: int
    width: int
    image: tuple[int, int] = (16, 16)

    def images(self, count: int) -> torch.Tensor:
        return torch.randn(count, 3, *self.image)


def _image(side: int) -> dict[str, int]:
    return {"image_size": side}


BACKBONES: dict[str, Backbone] = {
    "vit": Backbone(lambda: hf.ViTModel(hf.ViTConfig(**_VIT)), -1, 8),
    "deit": Backbone(lambda: hf.DeiTModel(hf.DeiTConfig(**_VIT)), -1, 8),
    "beit": Backbone(lambda: hf.BeitModel(hf.BeitConfig(**_VIT, use_shared_relative_position_bias=True)), -1, 8),
    "data2vec": Backbone(lambda: hf.Data2VecVisionModel(hf.Data2VecVisionConfig(**_VIT)), -1, 8),
    "dinov2": Backbone(lambda: hf.Dinov2Model(hf.Dinov2Config(**_VIT)), -1, 8),
    "dinov2 with registers": Backbone(lambda: hf.Dinov2WithRegistersModel(hf.Dinov2WithRegistersConfig(**_VIT)), -1, 8),
    "clip vision": Backbone(lambda: hf.CLIPVisionModel(hf.CLIPVisionConfig(**_VIT)), -1, 8),
    "siglip vision": Backbone(lambda: hf.SiglipVisionModel(hf.SiglipVisionConfig(**_VIT)), -1, 8),
    "sam vision": Backbone(
        lambda: hf.SamVisionModel(hf.SamVisionConfig(**_SAM, **_image(64), window_size=2, global_attn_indexes=[1])),
        1,
        12,
        (64, 64),
    ),
    "swin": Backbone(lambda: hf.SwinModel(hf.SwinConfig(**_SWIN)), -1, 16),
    "swinv2": Backbone(lambda: hf.Swinv2Model(hf.Swinv2Config(**_SWIN)), -1, 16),
    "hiera": Backbone(
        lambda: hf.HieraModel(hf.HieraConfig(image_size=[64, 64], embed_dim=8, depths=[1, 1, 2, 1], num_heads=[1] * 4)),
        -1,
        64,
        (64, 64),
    ),
    "pvt": Backbone(lambda: hf.PvtModel(hf.PvtConfig(**_image(32), **_FOUR, **_HEADS)), -1, 12, (32, 32)),
    "pvtv2": Backbone(lambda: hf.PvtV2Model(hf.PvtV2Config(**_image(64), **_FOUR, **_HEADS)), 1, 12, (64, 64)),
    "levit": Backbone(lambda: hf.LevitModel(hf.LevitConfig(**_image(64), **_LEVIT)), -1, 24, (64, 64)),
    "convnext": Backbone(lambda: hf.ConvNextModel(hf.ConvNextConfig(**_CONVNEXT)), 1, 12),
    "convnextv2": Backbone(lambda: hf.ConvNextV2Model(hf.ConvNextV2Config(**_CONVNEXT)), 1, 12),
    "focalnet": Backbone(lambda: hf.FocalNetModel(hf.FocalNetConfig(**_image(32), **_FOCALNET)), -1, 16, (32, 32)),
    "resnet": Backbone(lambda: hf.ResNetModel(hf.ResNetConfig(**_RESNET, layer_type="basic")), 1, 12, (48, 32)),
    "regnet": Backbone(lambda: hf.RegNetModel(hf.RegNetConfig(**_RESNET, groups_width=4)), 1, 12, (48, 32)),
    "mobilenetv1": Backbone(lambda: hf.MobileNetV1Model(hf.MobileNetV1Config(depth_multiplier=0.25)), 1, 256, (64, 32)),
    "mobilenetv2": Backbone(
        lambda: hf.MobileNetV2Model(hf.MobileNetV2Config(depth_multiplier=0.25)), 1, 1280, (64, 32)
    ),
    "mobilevit": Backbone(lambda: hf.MobileViTModel(hf.MobileViTConfig(**_image(64), **_MOBILEVIT)), 1, 24, (64, 64)),
    "efficientnet": Backbone(
        lambda: hf.EfficientNetModel(
            hf.EfficientNetConfig(width_coefficient=0.25, depth_coefficient=0.1, hidden_dim=320)
        ),
        1,
        320,
        (64, 32),
    ),
    "poolformer": Backbone(lambda: hf.PoolFormerModel(hf.PoolFormerConfig(**_FOUR)), 1, 12, (64, 32)),
    "segformer": Backbone(lambda: hf.SegformerModel(hf.SegformerConfig(**_FOUR, **_HEADS)), 1, 12, (64, 32)),
    "cvt": Backbone(lambda: hf.CvtModel(hf.CvtConfig(**_CVT)), 1, 16, (64, 64)),
}
