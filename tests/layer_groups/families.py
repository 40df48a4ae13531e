"""Transformers families in miniature, with random weights and the layer groups that a reader of a plot expects."""

from collections.abc import Callable
from dataclasses import dataclass

import transformers as hf
from torch import nn


@dataclass(frozen=True)
class Family:
    build: Callable[[], nn.Module]
    blocks: str
    stages: str


_SIZES = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
_VIT = {**_SIZES, "num_hidden_layers": 5, "image_size": 16, "patch_size": 8}
_BERT = {**_SIZES, "num_hidden_layers": 3, "vocab_size": 11, "max_position_embeddings": 8, "pad_token_id": 0}
_SWIN = {"embed_dim": 8, "depths": [1, 2], "num_heads": [2, 2], "window_size": 2, "image_size": 16, "patch_size": 4}
_CONVNEXT = {"hidden_sizes": [8, 8, 8], "depths": [1, 2, 1], "num_stages": 3}
_RESNET = {"embedding_size": 8, "hidden_sizes": [8, 8], "depths": [2, 1]}
_SEGFORMER = {
    "num_encoder_blocks": 2,
    "depths": [1, 2],
    "sr_ratios": [2, 1],
    "hidden_sizes": [8, 8],
    "num_attention_heads": [1, 1],
    "patch_sizes": [7, 3],
    "strides": [4, 2],
    "mlp_ratios": [2, 2],
    "decoder_hidden_size": 8,
}
_GPT2 = {"n_embd": 8, "n_layer": 3, "n_head": 2, "vocab_size": 11, "n_positions": 8}
_GPT2_TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
_T5 = {"d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 2, "num_decoder_layers": 3, "num_heads": 2, "vocab_size": 11}
_WHISPER = {
    "d_model": 8,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 8,
    "decoder_ffn_dim": 8,
    "vocab_size": 11,
    "num_mel_bins": 4,
    "max_source_positions": 6,
    "max_target_positions": 6,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}

_FLAT = "embeddings layer.0 layer.1 layer.2 layer.3 layer.4 norm head"
_FLAT_STAGES = "embeddings layer.0-1 layer.2 layer.3 layer.4 norm head"
_BEIT = "embeddings layer.0 layer.1 layer.2 layer.3 layer.4 pooler head"
_BEIT_STAGES = "embeddings layer.0-1 layer.2 layer.3 layer.4 pooler head"
_SWIN_BLOCKS = "embeddings stage.0.block.0 stage.0.downsample stage.1.block.0 stage.1.block.1 norm head"
_CONVNEXT_BLOCKS = (
    "embeddings stage.0.block.0 stage.1.downsample stage.1.block.0 stage.1.block.1 "
    "stage.2.downsample stage.2.block.0 norm head"
)
_RESNET_BLOCKS = "embeddings stage.0.block.0 stage.0.block.1 stage.1.block.0 head"
_SEGFORMER_BLOCKS = (
    "stage.0.embeddings stage.0.block.0 stage.0.norm "
    "stage.1.embeddings stage.1.block.0 stage.1.block.1 stage.1.norm head"
)
_T5_GROUPS = (
    "embeddings encoder.layer.0 encoder.layer.1 encoder.norm "
    "decoder.layer.0 decoder.layer.1 decoder.layer.2 decoder.norm"
)
_WHISPER_GROUPS = (
    "encoder.embeddings encoder.layer.0 encoder.layer.1 encoder.norm "
    "decoder.embeddings decoder.layer.0 decoder.layer.1 decoder.layer.2 decoder.norm"
)
_MOBILENET_BLOCKS = "stem " + " ".join(f"layer.{i}" for i in range(16)) + " conv_1x1 head"
_WAV2VEC2 = (
    "embeddings feature_extractor.layer.0 feature_extractor.layer.1 feature_projection "
    "encoder.embeddings encoder.layer.0 encoder.layer.1 head"
)
_MAE = (
    "vit.embeddings vit.layer.0 vit.layer.1 vit.layer.2 vit.layer.3 vit.layer.4 vit.norm "
    "decoder.embeddings decoder.layer.0 decoder.layer.1 decoder.norm head"
)
_MAE_STAGES = _MAE.replace("vit.layer.0 vit.layer.1", "vit.layer.0-1")


def _clip() -> hf.CLIPConfig:
    text = {**_SIZES, "num_hidden_layers": 2, "vocab_size": 11, "max_position_embeddings": 8, **_GPT2_TOKENS}
    return hf.CLIPConfig(vision_config=_VIT, text_config=text, projection_dim=8)


def _wav2vec2() -> hf.Wav2Vec2Config:
    convolutions = {"conv_dim": (8, 8), "conv_stride": (2, 2), "conv_kernel": (3, 3), "num_feat_extract_layers": 2}
    positions = {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    return hf.Wav2Vec2Config(**_SIZES, num_hidden_layers=2, classifier_proj_size=8, **convolutions, **positions)


def _mae() -> hf.ViTMAEConfig:
    decoder = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    return hf.ViTMAEConfig(**_VIT, **{f"decoder_{key}": value for key, value in decoder.items()})


FAMILIES: dict[str, Family] = {
    "vit": Family(lambda: hf.ViTForImageClassification(hf.ViTConfig(**_VIT)), _FLAT, _FLAT_STAGES),
    "deit": Family(lambda: hf.DeiTForImageClassification(hf.DeiTConfig(**_VIT)), _FLAT, _FLAT_STAGES),
    "deit with teacher": Family(
        lambda: hf.DeiTForImageClassificationWithTeacher(hf.DeiTConfig(**_VIT)), _FLAT, _FLAT_STAGES
    ),
    "beit": Family(
        lambda: hf.BeitForImageClassification(hf.BeitConfig(**_VIT, use_relative_position_bias=True)),
        _BEIT,
        _BEIT_STAGES,
    ),
    "beit, shared bias": Family(
        lambda: hf.BeitForImageClassification(hf.BeitConfig(**_VIT, use_shared_relative_position_bias=True)),
        _BEIT,
        _BEIT_STAGES,
    ),
    "dinov2": Family(lambda: hf.Dinov2ForImageClassification(hf.Dinov2Config(**_VIT)), _FLAT, _FLAT_STAGES),
    "dinov2 with registers": Family(
        lambda: hf.Dinov2WithRegistersForImageClassification(hf.Dinov2WithRegistersConfig(**_VIT)), _FLAT, _FLAT_STAGES
    ),
    "swin": Family(
        lambda: hf.SwinForImageClassification(hf.SwinConfig(**_SWIN)),
        _SWIN_BLOCKS,
        "embeddings stage.0 stage.1 norm head",
    ),
    "swinv2": Family(
        lambda: hf.Swinv2ForImageClassification(hf.Swinv2Config(**_SWIN)),
        _SWIN_BLOCKS,
        "embeddings stage.0 stage.1 norm head",
    ),
    "convnext": Family(
        lambda: hf.ConvNextForImageClassification(hf.ConvNextConfig(**_CONVNEXT)),
        _CONVNEXT_BLOCKS,
        "embeddings stage.0 stage.1 stage.2 norm head",
    ),
    "convnextv2": Family(
        lambda: hf.ConvNextV2ForImageClassification(hf.ConvNextV2Config(**_CONVNEXT)),
        _CONVNEXT_BLOCKS,
        "embeddings stage.0 stage.1 stage.2 norm head",
    ),
    "resnet": Family(
        lambda: hf.ResNetForImageClassification(hf.ResNetConfig(**_RESNET, layer_type="basic")),
        _RESNET_BLOCKS,
        "embeddings stage.0 stage.1 head",
    ),
    "regnet": Family(
        lambda: hf.RegNetForImageClassification(hf.RegNetConfig(**_RESNET, groups_width=8)),
        _RESNET_BLOCKS,
        "embeddings stage.0 stage.1 head",
    ),
    "mobilenetv2": Family(
        lambda: hf.MobileNetV2ForImageClassification(hf.MobileNetV2Config(depth_multiplier=0.25)),
        _MOBILENET_BLOCKS,
        "stem layer.0-3 layer.4-7 layer.8-11 layer.12-15 conv_1x1 head",
    ),
    "efficientnet": Family(
        lambda: hf.EfficientNetForImageClassification(
            hf.EfficientNetConfig(width_coefficient=0.25, depth_coefficient=0.3, hidden_dim=64)
        ),
        "embeddings layer.0 layer.1 layer.2 layer.3 layer.4 layer.5 layer.6 layer.7 top_conv norm head",
        "embeddings layer.0-1 layer.2-3 layer.4-5 layer.6-7 top_conv norm head",
    ),
    "segformer": Family(
        lambda: hf.SegformerForImageClassification(hf.SegformerConfig(**_SEGFORMER)),
        _SEGFORMER_BLOCKS,
        "stage.0 stage.1 head",
    ),
    "segformer, segmentation": Family(
        lambda: hf.SegformerForSemanticSegmentation(hf.SegformerConfig(**_SEGFORMER)),
        _SEGFORMER_BLOCKS,
        "stage.0 stage.1 head",
    ),
    "pvt": Family(
        lambda: hf.PvtForImageClassification(
            hf.PvtConfig(image_size=32, hidden_sizes=[8] * 4, depths=[1] * 4, num_attention_heads=[1] * 4)
        ),
        "stage.0.embeddings stage.0.block.0 stage.1.embeddings stage.1.block.0 "
        "stage.2.embeddings stage.2.block.0 stage.3.embeddings stage.3.block.0 norm head",
        "stage.0 stage.1 stage.2 stage.3 norm head",
    ),
    "clip, classification": Family(lambda: hf.CLIPForImageClassification(_clip()), _FLAT, _FLAT_STAGES),
    "clip, vision projection": Family(
        lambda: hf.CLIPVisionModelWithProjection(hf.CLIPVisionConfig(**_VIT, projection_dim=8)), _FLAT, _FLAT_STAGES
    ),
    "siglip": Family(
        lambda: hf.SiglipForImageClassification(hf.SiglipConfig(vision_config=_VIT)),
        "embeddings layer.0 layer.1 layer.2 layer.3 layer.4 norm neck head",
        "embeddings layer.0-1 layer.2 layer.3 layer.4 norm neck head",
    ),
    "vit mae": Family(lambda: hf.ViTMAEForPreTraining(_mae()), _MAE, _MAE_STAGES),
    "bert": Family(
        lambda: hf.BertForSequenceClassification(hf.BertConfig(**_BERT)),
        "embeddings layer.0 layer.1 layer.2 pooler head",
        "embeddings layer.0 layer.1 layer.2 pooler head",
    ),
    "bert, masked language model": Family(
        lambda: hf.BertForMaskedLM(hf.BertConfig(**_BERT)),
        "embeddings layer.0 layer.1 layer.2 head",
        "embeddings layer.0 layer.1 layer.2 head",
    ),
    "roberta": Family(
        lambda: hf.RobertaForSequenceClassification(hf.RobertaConfig(**_BERT)),
        "embeddings layer.0 layer.1 layer.2 head",
        "embeddings layer.0 layer.1 layer.2 head",
    ),
    "distilbert": Family(
        lambda: hf.DistilBertForSequenceClassification(
            hf.DistilBertConfig(dim=8, n_layers=3, n_heads=2, hidden_dim=8, vocab_size=11, max_position_embeddings=8)
        ),
        "embeddings layer.0 layer.1 layer.2 head",
        "embeddings layer.0 layer.1 layer.2 head",
    ),
    "gpt2, tied": Family(
        lambda: hf.GPT2LMHeadModel(hf.GPT2Config(**_GPT2, **_GPT2_TOKENS)),
        "embeddings layer.0 layer.1 layer.2 norm",
        "embeddings layer.0 layer.1 layer.2 norm",
    ),
    "gpt2, untied": Family(
        lambda: hf.GPT2LMHeadModel(hf.GPT2Config(**_GPT2, **_GPT2_TOKENS, tie_word_embeddings=False)),
        "embeddings layer.0 layer.1 layer.2 norm head",
        "embeddings layer.0 layer.1 layer.2 norm head",
    ),
    "gpt2, classification": Family(
        lambda: hf.GPT2ForSequenceClassification(hf.GPT2Config(**_GPT2, **_GPT2_TOKENS)),
        "embeddings layer.0 layer.1 layer.2 norm head",
        "embeddings layer.0 layer.1 layer.2 norm head",
    ),
    "t5": Family(lambda: hf.T5ForConditionalGeneration(hf.T5Config(**_T5)), _T5_GROUPS, _T5_GROUPS),
    "t5, classification": Family(
        lambda: hf.T5ForSequenceClassification(hf.T5Config(**_T5)), f"{_T5_GROUPS} head", f"{_T5_GROUPS} head"
    ),
    "whisper": Family(
        lambda: hf.WhisperForConditionalGeneration(hf.WhisperConfig(**_WHISPER)), _WHISPER_GROUPS, _WHISPER_GROUPS
    ),
    "whisper, classification": Family(
        lambda: hf.WhisperForAudioClassification(hf.WhisperConfig(**_WHISPER)),
        "embeddings layer.0 layer.1 norm head",
        "embeddings layer.0 layer.1 norm head",
    ),
    "wav2vec2": Family(lambda: hf.Wav2Vec2ForSequenceClassification(_wav2vec2()), _WAV2VEC2, _WAV2VEC2),
}
