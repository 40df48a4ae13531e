"""Two networks small enough to fine-tune in a second: a convolutional one with batch normalisation, and a ViT."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH = 64  # of the features that the head sees, in both networks


class SmallCNN(nn.Module):
    """A strided stem and four residual blocks, for 28 × 28 grey pixels."""

    def __init__(self, num_labels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, 2, 1)
        shapes = ((16, 24, 2), (24, 32, 1), (32, 48, 2), (48, WIDTH, 1))
        self.layers = nn.ModuleList(_Residual(*shape) for shape in shapes)
        self.fc = nn.Linear(WIDTH, num_labels)

    def forward(self, pixels: Tensor) -> Tensor:
        x = F.relu(self.stem(pixels))
        for layer in self.layers:
            x = layer(x)
        return self.fc(x.mean((2, 3)))


class SmallViT(nn.Module):
    """Sixteen patches of 7 × 7 pixels, four pre-norm blocks, mean over the patches."""

    def __init__(self, num_labels: int) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(1, WIDTH, 7, 7)
        self.pos = nn.Parameter(torch.randn(1, 16, WIDTH) * 0.02)
        self.layers = nn.ModuleList(_Attention() for _ in range(4))
        self.norm = nn.LayerNorm(WIDTH)
        self.fc = nn.Linear(WIDTH, num_labels)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.patch_embed(pixels).flatten(2).transpose(1, 2) + self.pos
        for layer in self.layers:
            x = layer(x)
        return self.fc(self.norm(x).mean(1))


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.down = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.down(x))


class _Attention(nn.Module):
    def __init__(self, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.n1, self.n2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.fc1, self.fc2 = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        q, k, v = self.qkv(self.n1(x)).view(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, width)
        x = x + self.proj(attended)
        return x + self.fc2(F.gelu(self.fc1(self.n2(x))))
