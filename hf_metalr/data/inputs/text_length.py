"""The longest text that a model takes: one rule for all commands."""

from typing import Any

from torch import nn

# Tokenizers and models without a limit of their own name a number beyond all texts, or none.
LONGEST_TEXT = 512
_CONFIGURED = ("max_position_embeddings", "n_positions", "max_seq_len")
# Tables of other positions than those of tokens in a text.
_OTHER = ("vision", "visual", "image", "relative", "entity", "x_position", "y_position", "h_position", "w_position")


def longest_text(tokenizer: Any, model: nn.Module) -> int:
    """Return how many tokens of a text a model takes, special ones included.

    That is the least of what the tokenizer says, what the configuration says, what the model's table of learned
    positions holds, and 512. Models of RoBERTa's kind count positions from behind the number of their padding token, so
    that a table of 514 holds texts of 512 tokens. Models with relative positions alone have no limit of their own.

    Args:
        tokenizer: of Transformers.
        model: of Transformers, or any module; its weights are not looked at, so it may be on the device "meta".
    """
    tables = [_size(module) for name, module in model.named_modules() if _counts_tokens(name, module)]
    return min(LONGEST_TEXT, int(tokenizer.model_max_length), *tables, *_configured(model, bool(tables)))


def _counts_tokens(name: str, module: nn.Module) -> bool:
    own = name.rsplit(".", 1)[-1]
    is_table = getattr(getattr(module, "weight", None), "ndim", 0) == 2
    return is_table and ("position" in own or own == "wpe") and not any(word in name for word in _OTHER)


def _size(table: Any) -> int:
    """Return for how many tokens a table of positions has room."""
    padding = getattr(table, "padding_idx", None)
    return int(table.weight.shape[0]) - (0 if padding is None else padding + 1)


def _configured(model: nn.Module, has_table: bool) -> list[int]:
    config = getattr(model, "config", None)
    config = getattr(config, "text_config", None) or config
    is_relative = getattr(config, "relative_attention", False) or hasattr(config, "relative_attention_num_buckets")
    if is_relative and not has_table:
        return []
    found = [getattr(config, name, None) for name in _CONFIGURED]
    return [number for number in found if isinstance(number, int) and number > 0]  # XLNet says -1
