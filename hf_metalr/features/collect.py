"""Pooled features of all layers from one forward pass over the data."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from hf_metalr.engine.no_trace import evaluation_mode, isolated_rng
from hf_metalr.errors import InputError
from hf_metalr.features.modules import head_module, layer_modules
from hf_metalr.features.pooling import first_tensor, pool

LAST_HIDDEN_STATE = "last_hidden_state"
_SEED = 0  # for models that draw in evaluation, such as masked autoencoders that shuffle their patches


def pooled_features(
    model: nn.Module, batches: Iterable[Mapping[str, Any] | Tensor], layers: Collection[str] | None = None
) -> dict[str, Tensor]:
    """Run a model once over batches of inputs, and return the mean over tokens or space of each layer's output.

    Each output is pooled the moment it appears, so that memory holds one batch's forward pass without gradients plus
    4·N·ΣD bytes of results, N samples and D channels per layer: never the outputs of several layers or batches.

    The model runs in evaluation mode. Its mode, hooks and configuration and all random streams are as before
    afterwards, also after an error. `mask_ratio` of a masked autoencoder is 0 meanwhile: it sees whole images.

    Args:
        model: any module. Its floating inputs are brought to its dtype and all inputs to its device.
        batches: what the model is called with: mappings of keyword arguments, whose `attention_mask`, where there is
            one, leaves padding out of the mean; or tensors.
        layers: which layers to return: names of `layer_modules(model)` and `"last_hidden_state"`. None: all that run.

    Returns:
        Name to (N, D) in float32 on the CPU, from input to output, and at the end `"last_hidden_state"`, the final
        representation: the mean of the `last_hidden_state` of a Transformers backbone, whatever its pooler; of other
        modules the mean of what enters the head, or without a head of the output. A layer that does not run, such as a
        tower that the inputs do not reach, is left out.

    Raises:
        InputError: unknown or unreached `layers`, no batches, or an output that is not one row per sample.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3), nn.Flatten(), nn.Linear(64, 2))
        >>> features = pooled_features(model, [torch.zeros(5, 3, 8, 8), torch.zeros(2, 3, 8, 8)])
        >>> {name: tuple(feature.shape) for name, feature in features.items()}
        {'layer.0': (7, 8), 'layer.1': (7, 4), 'last_hidden_state': (7, 64)}
    """
    modules = layer_modules(model)
    names = [*modules, LAST_HIDDEN_STATE]
    if layers is not None:
        unknown = [name for name in layers if name not in names]
        if unknown:
            raise InputError("layers", f"must be among {names}, found {unknown}.")
        names = [name for name in names if name in layers]
    collected: dict[str, list[Tensor]] = {name: [] for name in names}
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(isolated_rng(_SEED))
        stack.enter_context(evaluation_mode(model))
        stack.enter_context(_unmasked(model))
        batch = _Batch()
        for name in names:
            hooks = [modules[name].register_forward_hook(batch.hook(name))] if name in modules else None
            for hook in hooks or _final_hooks(model, batch):
                stack.callback(hook.remove)
        for inputs in batches:
            pooled = batch.run(model, inputs)
            for name in names:
                collected[name] += [pooled[name]] if name in pooled else []
    return _joined(collected, layers)


class _Batch:
    """The pooled outputs of one forward pass, by layer."""

    def __init__(self) -> None:
        self.size = 0
        self.mask: Tensor | None = None
        self.pooled: dict[str, Tensor] = {}

    def run(self, model: nn.Module, inputs: Mapping[str, Any] | Tensor) -> dict[str, Tensor]:
        self.pooled = {}
        like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
        if isinstance(inputs, Tensor):
            tensor = _moved(inputs, like)
            self.size, self.mask = len(tensor), None
            model(tensor)
        else:
            moved = {name: _moved(value, like) for name, value in inputs.items()}
            self.size = next((len(value) for value in moved.values() if isinstance(value, Tensor)), 0)
            self.mask = moved.get("attention_mask")
            model(**moved)
        return self.pooled

    def hook(self, name: str) -> Any:
        def pool_output(module: nn.Module, args: object, output: object) -> None:
            self.keep(name, module, output)

        return pool_output

    def keep(self, name: str, module: nn.Module, output: object) -> None:
        tensor = first_tensor(output)
        if tensor is None:
            raise InputError(None, f"The layer {name!r} returned {type(output).__name__} without a tensor in it.")
        try:
            self.pooled[name] = pool(tensor, self.size, module, self.mask)  # of several calls the last counts
        except ValueError as error:
            raise InputError(None, f"Layer {name!r}: {error}") from error


def _final_hooks(model: nn.Module, batch: _Batch) -> Iterator[torch.utils.hooks.RemovableHandle]:
    """Of Transformers `base_model` is the network without its head. Other modules are cut in front of the head."""
    backbone = getattr(model, "base_model", model)
    head = head_module(model) if backbone is model else None

    def pool_head_input(module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        batch.keep(LAST_HIDDEN_STATE, model, args or kwargs)

    def pool_output(module: nn.Module, args: object, output: object) -> None:
        has_hidden_state = isinstance(output, Mapping) and "last_hidden_state" in output
        if has_hidden_state or head is None:  # CLIP's classifier is its own base model: its output are logits
            batch.keep(LAST_HIDDEN_STATE, module, output)

    if head is not None:
        yield head.register_forward_pre_hook(pool_head_input, with_kwargs=True)
    yield backbone.register_forward_hook(pool_output)


def _moved(value: Any, like: Tensor) -> Any:
    if not isinstance(value, Tensor):
        return value
    return value.to(like.device, like.dtype if value.is_floating_point() else None)


def _joined(collected: dict[str, list[Tensor]], layers: Collection[str] | None) -> dict[str, Tensor]:
    most = max(map(len, collected.values()), default=0)
    if not most:
        raise InputError("batches", "is empty, or no layer of the model ran: there are no features.")
    partial = [name for name, parts in collected.items() if len(parts) < most and (parts or layers is not None)]
    if partial:
        raise InputError(None, f"The layers {partial} did not run in every forward pass. Leave them out of `layers`.")
    return {name: torch.cat(parts) for name, parts in collected.items() if parts}


@contextmanager
def _unmasked(model: nn.Module) -> Iterator[None]:
    """Set `config.mask_ratio` to 0: ViTMAE hides three quarters of the patches in evaluation, too."""
    configs: dict[int, Any] = {id(config): config for config in (getattr(m, "config", None) for m in model.modules())}
    ratios = [(config, config.mask_ratio) for config in configs.values() if hasattr(config, "mask_ratio")]
    for config, _ in ratios:
        config.mask_ratio = 0.0
    try:
        yield
    finally:
        for config, ratio in ratios:
            config.mask_ratio = ratio
