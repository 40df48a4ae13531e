"""Parameter names without what wrappers and adapters add to them.

The same network is called `vit.layers.0.mlp.weight` when plain, `module.vit…` under DistributedDataParallel,
`_orig_mod.vit…` after `torch.compile`, and `base_model.model.vit.….lora_A.default.weight` under PEFT.
Its layer groups must bear the same names in all of these forms.
"""

from collections.abc import Sequence

Path = tuple[str, ...]

# torch.compile, FSDP1 and activation checkpointing insert these at any depth.
_INSERTED_SEGMENTS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
# DistributedDataParallel and DataParallel wrap the whole model, so every name begins with it.
_OUTER_WRAPPER = "module"
# peft.PeftModel holds a tuner (`base_model`), which holds the user's network (`model`).
_PEFT_PREFIX = ("base_model", "model")
# peft keeps the adapted module under `base_layer`, a fully trained copy under `modules_to_save.<adapter>`.
_PEFT_BASE_LAYER = "base_layer"
_PEFT_COPY = "modules_to_save"
# peft tuners name their own tensors with these beginnings (lora_A, lora_embedding_B, ia3_l, vera_lambda_b, …).
_PEFT_TENSOR_PREFIXES = ("lora_", "ia3_", "vera_", "hada_", "lokr_", "oft_", "boft_", "adalora_")


def unwrap(names: Sequence[str]) -> list[Path]:
    """Split names into segments, without the wrappers of torch and the outer prefix of PEFT."""
    paths = [tuple(s for s in name.split(".") if s not in _INSERTED_SEGMENTS) for name in names]
    while paths and all(len(path) > 1 and path[0] == _OUTER_WRAPPER for path in paths):
        paths = [path[1:] for path in paths]
    return [path[2:] if path[:2] == _PEFT_PREFIX else path for path in paths]


def without_adapter(path: Path) -> Path:
    """The path of the adapted parameter: `q.lora_A.default.weight` and `q.base_layer.weight` are both `q.weight`."""
    kept: list[str] = []
    position = 0
    while position < len(path):
        segment = path[position]
        if segment.startswith(_PEFT_TENSOR_PREFIXES) and kept:
            return (*kept, "weight")
        if segment == _PEFT_COPY:
            position += 2  # the copy and the name of the adapter
            continue
        if segment != _PEFT_BASE_LAYER:
            kept.append(segment)
        position += 1
    return tuple(kept)


def is_adapter(name: str) -> bool:
    """Whether a parameter belongs to an adapter of PEFT: new weights beside the pre-trained ones.

    >>> is_adapter("bert.q.lora_A.default.weight"), is_adapter("bert.q.base_layer.weight")
    (True, False)
    """
    return any(segment.startswith(_PEFT_TENSOR_PREFIXES) for segment in name.split("."))


def common_prefix(paths: Sequence[Path]) -> Path:
    """The longest beginning that all paths share; () for no paths."""
    if not paths:
        return ()
    first, last = min(paths), max(paths)
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    return first[:length]
