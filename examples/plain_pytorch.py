"""Learned layer-wise learning rates in a plain PyTorch loop: digits, scikit-learn's 8×8 images.

Run: python examples/plain_pytorch.py
"""

from collections.abc import Iterator

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from hf_metalr import MetaLR, MetaLRConfig


def endless(loader: DataLoader) -> Iterator[list[torch.Tensor]]:
    """Yield batches for ever, shuffled anew in each epoch."""
    while True:
        yield from loader


def main(epochs: int = 5) -> dict[str, float]:
    """Train a small network and return the learned rates by layer group."""
    torch.manual_seed(0)
    images, labels = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels))
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))
    loss_of = nn.CrossEntropyLoss()

    # ten lines: the last two arguments and the meta loader are all that a loop needs
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    loader = DataLoader(data, batch_size=64, shuffle=True)
    meta_batches = endless(DataLoader(data, batch_size=64, shuffle=True, generator=torch.Generator().manual_seed(1)))

    def meta_loss() -> torch.Tensor:
        inputs, targets = next(meta_batches)
        return loss_of(model(inputs), targets)

    engine = MetaLR(model, optimizer, meta_loss, MetaLRConfig(lr_update="log_adam"))
    for _ in range(epochs):
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss_of(model(inputs), targets).backward()
            optimizer.step()  # steps, looks at a meta batch, moves the rates and rescales the step
    return engine.learning_rates


if __name__ == "__main__":
    for name, lr in main().items():
        print(f"{name:>10}: started at 1.0e-04, learned {lr:.1e}")
