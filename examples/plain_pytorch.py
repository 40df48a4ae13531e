"""Learned layer-wise learning rates in a plain PyTorch loop: digits, scikit-learn's 8×8 images.

Run: python examples/plain_pytorch.py
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from hf_metalr import MetaLR


def main(epochs: int = 5) -> dict[str, float]:
    """Train a small network and return the learned rates by layer group."""
    torch.manual_seed(0)
    images, labels = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels))
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))
    loss_of = nn.CrossEntropyLoss()

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    engine = MetaLR(model, optimizer)  # all that a loop needs
    loader = DataLoader(data, batch_size=64, shuffle=True)
    for _ in range(epochs):
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss_of(model(inputs), targets).backward()
            optimizer.step()  # first moves the rates by what this gradient says of the last steps
    return engine.learning_rates


if __name__ == "__main__":
    started = main(epochs=0)  # 1e-4 where the trust region allows it
    for name, lr in main().items():
        print(f"{name:>10}: started at {started[name]:.1e}, learned {lr:.1e}")
