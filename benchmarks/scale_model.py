"""What learned rates cost on machines that are not here: a model with every assumption by name, and its predictions.

A training step of one device, in seconds, for P parameters (in G tensors) and T tokens per device:

    compute        6 P T / (flops · utilisation)               forward and backward
    optimizer      28 P / bandwidth                            AdamW in float32: reads θ, g, m, v, writes θ, m, v
    all-reduce     2 (N − 1)/N · b P / link                    hidden behind the backward pass as far as it fits

and what comes on top:

    next_batch     16 P / bandwidth, or K · launch             reads θ, the old θ and g, writes the old θ
    lookahead      compute · (meta tokens / T) + 36 P / bandwidth, or 2 K · launch
                                                               reads g, copies θ, reads θ, the old θ and g, and moves θ
    both           one all-reduce of a few hundred numbers: 2 ⌈log₂ N⌉ · latency

Neither exchanges gradients a second time: processes average one inner product per layer group. Memory on top: one copy
of the parameters for `next_batch`, two for `lookahead` (the old θ, and the training gradient put aside); 1/N of it each
where parameters are sharded. K kernels are started by a meta step (`hf_metalr.engine.passes` with Triton: no more than
10, whatever the number of tensors and layer groups) and by the optimizer, whose param groups are split by layer group
and by weight decay. They overlap with what the device does; the longer of both counts. The host's own work between them
(Python) is not in the model.
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
        groups: in how many layer groups.
        tokens: that one device sees per step.
    """

    name: str
    parameters: float
    groups: int
    tokens: int


H100 = Device()  # NVIDIA H100 SXM data sheet: 989 TFLOP/s bfloat16 dense, 3.35 TB/s
NETWORKS = (
    Network("ViT-B/16, 64 images", 86e6, 14, 64 * 197),
    Network("ViT-L/16, 64 images", 304e6, 26, 64 * 197),
    Network("1.3 B decoder, 8 × 2048 tokens", 1.3e9, 26, 8 * 2048),
    Network("7 B decoder, 4 × 4096 tokens", 6.7e9, 34, 4 * 4096),
)
PROCESSES = (1, 8, 64, 1000)
KERNELS_PER_PASS = 10  # tests/engine/passes/test_launches.py holds them to it
PARAM_GROUPS = 2  # of a layer group: with and without weight decay; fused AdamW starts a kernel for each
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
    launches = (KERNELS_PER_PASS + PARAM_GROUPS * network.groups) * device.launch
    if estimator == "next_batch":
        return max(16 * network.parameters / device.bandwidth, launches) + exchange
    return _compute(network, device) + max(36 * network.parameters / device.bandwidth, 2 * launches) + exchange


def extra_bytes(network: Network, processes: int, estimator: str, sharded: bool, element: int = 4) -> float:
    """Return the bytes per device that learned rates add."""
    copies = 1 if estimator == "next_batch" else 2
    return copies * element * network.parameters / (processes if sharded else 1)


def _compute(network: Network, device: Device) -> float:
    return 6 * network.parameters * network.tokens / (device.flops * device.utilisation)
