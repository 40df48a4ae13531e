"""The words from which the role of a module is read. Every word carries its reason; none names an architecture."""

import re
from enum import Enum


class Role(Enum):
    """What a module outside the repeated blocks does."""

    EMBEDDINGS = "embeddings"
    STEM = "stem"
    NORM = "norm"
    POOLER = "pooler"
    HEAD = "head"
    DOWNSAMPLE = "downsample"
    PROJECTION = "projection"  # a head when it follows the last block, otherwise a part of the body


# Underscore-separated parts of a name ("patch_embed" has the parts "patch" and "embed").
_PARTS: dict[Role, frozenset[str]] = {
    # Classifiers, language-model heads, span and box predictors; `logit_scale` scales the outputs.
    Role.HEAD: frozenset(
        {"head", "heads", "classifier", "score", "logit", "logits", "pred", "predictor", "prediction", "predictions"}
    ),
    Role.POOLER: frozenset({"pooler", "pool", "attnpool"}),
    # Lookup tables, patch projections, class/mask/register tokens and position tables; "wte"/"wpe" are GPT's
    # token and position tables, "shared" is the table that an encoder and a decoder share.
    Role.EMBEDDINGS: frozenset({"embed", "embeds", "embedder", "embedding", "embeddings"})
    | {"token", "tokens", "position", "positional", "wte", "wpe", "shared"},
    Role.STEM: frozenset({"stem"}),
    Role.NORM: frozenset({"norms", "normalization", "ln", "bn"}),  # besides every part that ends in "norm"
    Role.PROJECTION: frozenset({"proj", "projection", "projector"}),
}
# Whole names only: as parts they occur elsewhere ("cls_token", "fc_norm", "output_layer_norm").
_WHOLE_HEAD_NAMES = frozenset({"fc", "cls", "out", "output", "outc", "qa_outputs", "last_linear"})
# "conv_head" is the last convolution of a pre-trained backbone (the classifier comes after it).
_NOT_IN_A_HEAD = "conv"

# A plain `head` beside one of these is the last convolution of a backbone or a pooling, pre-trained with it.
NECK_BEFORE_CLASSIFIER = "head"
CLASSIFIERS = frozenset({"classifier", "fc"})

# A list of these holds the units of a network. The value is its rank: a stage holds layers or blocks, a layer may
# hold blocks or layers (then it is a stage), a block holds only its own sub-layers.
_CONTAINER_RANK = {"stage": 2, "level": 2, "layer": 1, "group": 1, "block": 0, "resblock": 0, "h": 0}
# Inside a stage the units are called so.
_INNER_CONTAINERS = frozenset({"layer", "layers", "block", "blocks"})
# Numbered attributes in place of a list: `layer1`, `encoder_layer_0`, `denseblock2`, `s1`.
_NUMBERED = re.compile(r"(?P<word>(?:\w*_)?(?:stage|level|layer|block)|denseblock|s)_?(?P<index>\d+)")
_NUMBERED_INNER = re.compile(r"(?:layer|block|unit|denselayer|b)_?(?P<index>\d+)")


def _parts(segment: str) -> set[str]:
    return {part.rstrip("0123456789") for part in segment.lower().split("_")} - {""}


def role_of(segment: str) -> Role | None:
    """The role that one segment of a parameter name speaks of, or None."""
    if segment.lower().strip("_") in _WHOLE_HEAD_NAMES:
        return Role.HEAD
    if "downsampl" in segment.lower():  # downsample, downsampler, downsampling_layer, downsample_layers
        return Role.DOWNSAMPLE
    parts = _parts(segment)
    for role, words in _PARTS.items():
        if role is Role.HEAD and _NOT_IN_A_HEAD in parts:
            continue
        if parts & words or (role is Role.NORM and any(part.endswith("norm") for part in parts)):
            return role
    return None


def container_rank(segment: str) -> int | None:
    """2 for a list of stages, 1 for layers, 0 for blocks, None for any other word."""
    last = segment.lower().split("_")[-1]
    return _CONTAINER_RANK.get(last, _CONTAINER_RANK.get(last.removesuffix("s")))


def split_numbered(segment: str) -> tuple[str, int] | None:
    """`layer1` -> ("layer", 1); None for a segment that is no numbered container."""
    match = _NUMBERED.fullmatch(segment)
    return (match["word"].strip("_"), int(match["index"])) if match else None


def inner_index(outer_word: str, rest: tuple[str, ...]) -> int | None:
    """The number of the block inside a stage, from the segments that follow the number of the stage.

    `layers.0.blocks.1` and `stages.0.layers.1` are blocks of stages. `block.0.layer.1` is a sub-layer of a block:
    T5 writes self-attention and feed-forward so.
    """
    numbered = _NUMBERED_INNER.fullmatch(rest[0]) if rest else None
    if numbered and outer_word in {"s", "denseblock", "stage"}:
        return int(numbered["index"])
    if rest[:1] == ("transformer",):
        rest = rest[1:]
    if (container_rank(outer_word) or 0) > 0 and len(rest) > 2 and rest[0] in _INNER_CONTAINERS and rest[1].isdigit():
        return int(rest[1])
    return None
