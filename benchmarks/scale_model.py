"""What learned rates cost on machines that are not here: a model with every assumption by name, and its predictions.

A training step of one device, in seconds, for P parameters (in G tensors) and T tokens per device:

    compute        6 P T / (flops · utilisation)               forward and backward
    optimizer      28 P / bandwidth                            AdamW in float32: reads θ, g, m, v, writes θ, m, v
    all-reduce     2 (N − 1)/N · b P / link                    hidden behind the backward pass as far as it fits

and what comes on top:

    next_batch     16 P / bandwidth + L G · launch             reads θ, the old θ and g, writes the old θ
    lookahead      compute · (meta tokens / T) + 32 P / bandwidth + L G · launch
    both           one all-reduce of a few hundred numbers: 2 ⌈log₂ N⌉ · latency

Neither exchanges gradients a second time: processes average one inner product per layer group. Memory on top: one copy
of the parameters for `next_batch`, two for `lookahead` (the old θ, and the training gradient put aside); 1/N of it each
where parameters are sharded. Starting the kernels (L for each of the G tensors) hides behind the backward pass where
the device, not the host, is the slower of the two: the model counts it in full, which is the worst case.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """One device and its links; the values are assumptions, to be replaced by one's own.

    Args:
        flops: peak floating-point operations per second at training precision.
        utilisation: share of the peak that training reaches.
        bandwidth: bytes per second from and to memory.
        link: bytes per second that an all-reduce moves per device.
        latency: seconds of one hop between devices.
        launch: seconds that starting one kernel costs the host.
    """

    flops: float = 989e12
    utilisation: float = 0.4
    bandwidth: float = 3.35e12 * 0.8
    link: float = 40e9
    latency: float = 15e-6
    launch: float = 5e-6


@dataclass(frozen=True)
class Network:
    """A network in training.

    Args:
        name: for the table.
        parameters: how many are trained.
        tensors: in how many tensors.
        tokens: that one device sees per step.
    """

    name: str
    parameters: float
    tensors: int
    tokens: int


H100 = Device()  # NVIDIA H100 SXM data sheet: 989 TFLOP/s bfloat16 dense, 3.35 TB/s
NETWORKS = (
    Network("ViT-B/16, 64 images", 86e6, 200, 64 * 197),
    Network("ViT-L/16, 64 images", 304e6, 392, 64 * 197),
    Network("1.3 B decoder, 8 × 2048 tokens", 1.3e9, 388, 8 * 2048),
    Network("7 B decoder, 4 × 4096 tokens", 6.7e9, 291, 4 * 4096),
)
PROCESSES = (1, 8, 64, 1000)
KERNELS_PER_TENSOR = 12  # of `hf_metalr.engine.displacements._measure`
GRADIENT_BYTES = 4


def plain_step(network: Network, processes: int, device: Device = H100) -> float:
    """Return the seconds of a plain data-parallel step."""
    compute = _compute(network, device)
    exchange = 2 * (processes - 1) / processes * GRADIENT_BYTES * network.parameters / device.link
    exposed = max(0.0, exchange - compute * 2 / 3)
    return compute + 28 * network.parameters / device.bandwidth + exposed


def extra_time(network: Network, processes: int, estimator: str, device: Device = H100) -> float:
    """Return the seconds that one meta step adds; the meta batch is as large as the training batch."""
    exchange = 2 * math.ceil(math.log2(processes)) * device.latency
    launches = KERNELS_PER_TENSOR * network.tensors * device.launch
    if estimator == "next_batch":
        return max(16 * network.parameters / device.bandwidth, launches) + exchange
    return _compute(network, device) + max(32 * network.parameters / device.bandwidth, launches) + exchange


def extra_bytes(network: Network, processes: int, estimator: str, sharded: bool, element: int = 4) -> float:
    """Return the bytes per device that learned rates add."""
    copies = 1 if estimator == "next_batch" else 2
    return copies * element * network.parameters / (processes if sharded else 1)


def _compute(network: Network, device: Device) -> float:
    return 6 * network.parameters * network.tokens / (device.flops * device.utilisation)
