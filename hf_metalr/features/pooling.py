"""One vector per sample from whatever a module returns: the mean over tokens or space."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hf_metalr.errors import InputError

_CONVOLUTIONS = {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}


def first_tensor(output: object) -> Tensor | None:
    """Return `last_hidden_state` of a mapping, otherwise the first tensor inside tuples and mappings; None without."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        values = [output["last_hidden_state"]] if "last_hidden_state" in output else list(output.values())
    elif isinstance(output, tuple | list):
        values = list(output)
    else:
        return None
    return next((tensor for tensor in map(first_tensor, values) if tensor is not None), None)


def pool(output: Tensor, batch_size: int, module: nn.Module, mask: Tensor | None = None) -> Tensor:
    """Average an output over tokens or space.

    Args:
        output: (B, C), (B, N, C), (B, C, N), (B, C, H, W) or (B, H, W, C), or five dimensions with time. Where windows
            or patches were folded into the batch, as in MobileViT, the first dimension is a multiple of B. Tokens
            first, (N, B, C), is read from a `batch_first=False` inside the module.
        batch_size: B.
        module: what returned the output. Its widths tell channels from space.
        mask: (B, N), 1 at the tokens that count, as in `attention_mask`.

    Returns:
        (B, C), float32, on the CPU.

    Raises:
        InputError: the first dimension holds no samples, samples cannot be told from tokens, or the mask does not
            belong to the tokens.

    Example:
        >>> pool(torch.ones(2, 8, 5, 5), 2, nn.Conv2d(3, 8, 1)).shape
        torch.Size([2, 8])
    """
    output = _samples_first(output, batch_size, module).float()
    if output.ndim == 2:
        return output.cpu()
    if mask is not None:
        if output.ndim != 3 or output.shape[:2] != mask.shape:
            raise InputError(
                "attention_mask",
                f"of shape {tuple(mask.shape)} does not belong to the output {tuple(output.shape)} of "
                f"{type(module).__name__}: padding cannot be told from tokens. Leave this layer out of `layers`.",
            )
        weights = mask.to(output)[..., None]
        return ((output * weights).sum(1) / weights.sum(1).clamp(min=1)).cpu()
    channels = 1 if _is_channels_first(output.shape, module) else output.ndim - 1
    return output.mean([dim for dim in range(1, output.ndim) if dim != channels]).cpu()


def _samples_first(output: Tensor, batch_size: int, module: nn.Module) -> Tensor:
    first, second = output.shape[0] if output.ndim else 0, output.shape[1] if output.ndim > 1 else 0
    if any(getattr(inner, "batch_first", True) is False for inner in module.modules()) and second == batch_size:
        if first == batch_size:
            raise InputError(
                None,
                f"The output {tuple(output.shape)} of {type(module).__name__} has as many tokens as samples, and the "
                "module may put either first. Choose another batch size.",
            )
        return output.transpose(0, 1)
    if output.ndim < 2 or first == 0 or first % batch_size:
        raise InputError(
            None,
            f"The output {tuple(output.shape)} of {type(module).__name__} has no dimension of {batch_size} samples in "
            "front. Leave this layer out of `layers`.",
        )
    return output if first == batch_size else output.reshape(batch_size, -1, *output.shape[2:])


def _is_channels_first(shape: torch.Size, module: nn.Module) -> bool:
    """Space is as long as it is wide; where that does not tell, channels are as many as some tensor has outputs."""
    if len(shape) > 3 and (shape[-1] == shape[-2]) != (shape[1] == shape[2]):
        return shape[-1] == shape[-2]
    widths = {p.shape[0] for p in module.parameters() if p.ndim and p.shape[0] > 1}
    widths |= {inner.embedding_dim for inner in module.modules() if isinstance(inner, nn.Embedding)}
    is_first, is_last = shape[1] in widths, shape[-1] in widths
    if is_first != is_last:
        return is_first
    convolution = _CONVOLUTIONS.get(len(shape), nn.Conv2d)
    return len(shape) > 3 and any(isinstance(inner, convolution) for inner in module.modules())
