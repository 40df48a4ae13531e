"""Two processes learn the same rates: digits, with accelerate in a loop of one's own.

Run: torchrun --nproc_per_node 2 examples/multi_process.py
     accelerate launch --multi_gpu --num_processes 2 examples/multi_process.py
(`accelerate launch --cpu` starts one process only.)
"""

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object, set_seed
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from hf_metalr import MetaLR


def main(epochs: int = 3) -> dict[str, float]:
    """Train on the data's share of every process and return the rates, after checking that all processes agree."""
    accelerator = Accelerator(cpu=not torch.accelerator.is_available())  # else CPU processes train alone
    set_seed(0)
    images, labels = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels))
    network = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))
    model, optimizer, loader = accelerator.prepare(
        network, torch.optim.AdamW(network.parameters(), lr=1e-4), DataLoader(data, batch_size=32, shuffle=True)
    )
    engine = MetaLR(
        accelerator.unwrap_model(model),  # the bare module, whose parameter names are its own
        optimizer.optimizer,  # what accelerate has wrapped
        reduce_mean=lambda values: accelerator.reduce(values, "mean"),  # one number per layer group and step
        rank=accelerator.process_index,
    )
    for _ in range(epochs):
        for inputs, targets in loader:
            optimizer.zero_grad()
            accelerator.backward(nn.functional.cross_entropy(model(inputs), targets))
            optimizer.step()
    everywhere = gather_object([engine.learning_rates])
    if any(rates != everywhere[0] for rates in everywhere):
        raise RuntimeError(f"The processes learned different rates: {everywhere}.")
    if accelerator.is_main_process:
        print(f"{accelerator.num_processes} processes agree:", engine.learning_rates)
    accelerator.free_memory()  # a model that outlives the process group may crash its process at the exit
    accelerator.end_training()
    return engine.learning_rates


if __name__ == "__main__":
    main()
