"""EfficientNet-Lite0 as a plain `nn.Module` whose parameter names are those of the published weights.

Architecture: Tan & Le 2019 (arXiv 1905.11946), in the Lite form: no squeeze-and-excitation, ReLU6, fixed stem and head.
"""

from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn
from transformers.modeling_outputs import ImageClassifierOutput

# (repeats, kernel, stride of the first, expansion, output channels) of the seven stages.
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192))
STAGES = (*STAGES, (1, 3, 1, 6, 320))
BATCH_NORM = {"eps": 1e-3, "momentum": 0.1}  # the published momentum of 0.01 is made for hundreds of epochs


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow pads: the odd pixel at the right and at the bottom."""

    def forward(self, x: Tensor) -> Tensor:
        padding: list[int] = []
        for size, kernel, stride in zip(x.shape[-2:], self.kernel_size, self.stride, strict=True):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            padding = [total // 2, total - total // 2, *padding]  # F.pad counts from the last dimension
        return super().forward(F.pad(x, padding) if any(padding) else x)


class Block(nn.Module):
    """Inverted bottleneck: expand, depthwise convolution, project, and the input added where shapes allow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expands, self.adds = expansion != 1, stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv = nn.Conv2d(inputs, wide, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(wide, **BATCH_NORM)
        self._depthwise_conv = SameConv2d(wide, wide, kernel, stride, groups=wide, bias=False)
        self._bn1 = nn.BatchNorm2d(wide, **BATCH_NORM)
        self._project_conv = nn.Conv2d(wide, outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outputs, **BATCH_NORM)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """Called like a Transformers image classifier: pixels and labels in, loss and logits out."""

    def __init__(self, num_labels: int, dropout: float = 0.2) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, **BATCH_NORM)
        blocks, inputs = [], 32
        for repeats, kernel, stride, expansion, outputs in STAGES:
            for index in range(repeats):
                blocks.append(Block(inputs, outputs, kernel, stride if index == 0 else 1, expansion))
                inputs = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(inputs, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, **BATCH_NORM)
        self._dropout = nn.Dropout(dropout)
        self._fc = nn.Linear(1280, num_labels)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> ImageClassifierOutput:
        x = F.relu6(self._bn0(self._conv_stem(pixel_values)))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x))).mean(dim=(2, 3))
        logits = self._fc(self._dropout(x))
        loss = None if labels is None else F.cross_entropy(logits, labels)
        return ImageClassifierOutput(loss=loss, logits=logits)


def without_head(state: dict[str, Tensor]) -> "OrderedDict[str, Tensor]":
    """Return published weights without their 1000-class head."""
    return OrderedDict((name, tensor) for name, tensor in state.items() if not name.startswith("_fc."))
