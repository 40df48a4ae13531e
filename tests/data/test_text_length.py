"""The longest text is one that the model still takes: tried on tiny models of every habit of counting positions."""

from types import SimpleNamespace

import pytest
import torch
import transformers
from torch import nn

from hf_metalr.data.inputs.text_length import LONGEST_TEXT, longest_text

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
BERT = {"vocab_size": 40, "max_position_embeddings": 24, "pad_token_id": 3, **SMALL}
ENDLESS = SimpleNamespace(model_max_length=10**30)
FROM_PADDING = ["Roberta", "Camembert", "XLMRoberta", "XLMRobertaXL", "Longformer", "Data2VecText", "Xmod", "IBert"]
FROM_PADDING += ["RobertaPreLayerNorm", "Luke", "Esm", "MarkupLM", "Lilt"]
FROM_ZERO = ["Bert", "Electra", "Albert", "MobileBert", "RemBert", "ConvBert", "Nystromformer", "RoFormer", "LayoutLM"]
FROM_ZERO += ["Ernie", "BigBird", "FNet"]


def tiny(family, **changes):
    own = {
        "Longformer": {"attention_window": 4},
        "Luke": {"entity_vocab_size": 5, "entity_emb_size": 8},
        "Esm": {"position_embedding_type": "absolute", "mask_token_id": 4, "use_cache": False},
        "Albert": {"embedding_size": 16},
        "MobileBert": {"embedding_size": 16, "intra_bottleneck_size": 16},
        "RemBert": {"input_embedding_size": 16},
        "ConvBert": {"embedding_size": 16, "conv_kernel_size": 3, "head_ratio": 1},
        "BigBird": {"attention_type": "original_full"},
        "MarkupLM": {"max_depth": 3, "xpath_unit_hidden_size": 4},
        "Lilt": {"channel_shrink_ratio": 2, "hidden_size": 24},
        "Xmod": {"default_language": "en_XX"},
    }
    config = getattr(transformers, f"{family}Config")(**(BERT | own.get(family, {}) | changes))
    torch.manual_seed(0)
    return getattr(transformers, f"{family}Model")(config).eval()


def takes(model, length) -> bool:
    """Whether a model takes a text of so many tokens, none of which is padding."""
    numbers = torch.full((1, length), 7)
    try:
        with torch.no_grad():
            model(input_ids=numbers, attention_mask=torch.ones_like(numbers))
    except (IndexError, RuntimeError, ValueError):
        return False
    return True


@pytest.mark.parametrize(("family", "offset"), [*((f, 4) for f in FROM_PADDING), *((f, 0) for f in FROM_ZERO)])
def test_tables_of_positions(family, offset):
    model = tiny(family)
    longest = longest_text(ENDLESS, model)
    assert longest == 24 - offset
    assert takes(model, longest)
    assert not takes(model, longest + 1)


def test_the_number_of_the_padding_token_counts_as_the_model_was_built():
    model = tiny("Roberta", pad_token_id=1)
    model.config.pad_token_id = 9  # as of a tokenizer with a padding token of its own
    assert longest_text(ENDLESS, model) == 22
    assert takes(model, 22)


def test_mpnet_counts_from_behind_one_whatever_its_padding_token_is():
    model = tiny("MPNet")
    assert longest_text(ENDLESS, model) == 22
    assert takes(model, 22)
    assert not takes(model, 23)


@pytest.mark.parametrize(
    ("family", "sizes", "longest"),
    [
        ("DistilBert", {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16, "max_position_embeddings": 20}, 20),
        ("GPT2", {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 20}, 20),
        ("OpenAIGPT", {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 20}, 20),
        ("OPT", {**SMALL, "ffn_dim": 16, "word_embed_proj_dim": 16, "max_position_embeddings": 20}, 20),
        ("BioGpt", {**SMALL, "max_position_embeddings": 20}, 20),
        ("XLM", {"emb_dim": 16, "n_layers": 1, "n_heads": 2, "max_position_embeddings": 20}, 20),
        (
            "Bart",
            {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2}
            | {"decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
            | {"max_position_embeddings": 20},
            20,
        ),
        ("CTRL", {"n_embd": 16, "n_layer": 1, "n_head": 2, "dff": 16, "n_positions": 20}, 20),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_names_of_the_same(family, sizes, longest):
    torch.manual_seed(0)
    model = getattr(transformers, f"{family}Model")(getattr(transformers, f"{family}Config")(vocab_size=40, **sizes))
    assert longest_text(ENDLESS, model.eval()) == longest
    assert takes(model, longest)
    assert not takes(model, longest + 1)


@pytest.mark.parametrize(
    ("family", "sizes"),
    [
        ("T5Encoder", {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}),
        ("XLNet", {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16}),
        ("DebertaV2", {**SMALL, "relative_attention": True, "position_biased_input": False}),
        ("Deberta", {**SMALL, "relative_attention": True, "position_biased_input": False}),
        ("Funnel", {"d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 16, "block_sizes": [1]}),
        ("Bloom", {"hidden_size": 16, "n_layer": 1, "n_head": 2}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_models_without_a_limit_of_their_own_take_what_the_tokenizer_says_or_512(family, sizes):
    config_class = getattr(transformers, f"{family.removesuffix('Encoder')}Config")
    limit = {"max_position_embeddings": 16} if "relative_attention" in sizes else {}
    torch.manual_seed(0)
    model = getattr(transformers, f"{family}Model")(config_class(vocab_size=40, **sizes, **limit)).eval()
    assert longest_text(ENDLESS, model) == LONGEST_TEXT
    assert longest_text(SimpleNamespace(model_max_length=30), model) == 30
    assert takes(model, 30)


def test_a_model_that_reads_images_too_is_limited_by_its_text_alone():
    text = {**SMALL, "vocab_size": 40, "max_position_embeddings": 20}
    vision = {**SMALL, "image_size": 8, "patch_size": 4}
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)
    assert longest_text(ENDLESS, transformers.CLIPModel(config)) == 20


def test_modules_that_are_none_of_transformers():
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.position_embeddings = nn.Embedding(17, 4)

    assert longest_text(ENDLESS, Own()) == 17
    assert longest_text(ENDLESS, nn.Linear(2, 2)) == LONGEST_TEXT


def test_weights_are_not_needed():
    with torch.device("meta"):
        assert longest_text(ENDLESS, tiny("Roberta")) == 20
