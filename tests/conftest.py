"""Every test runs offline, seeded, in one thread and with a Hub cache of its own."""

import os
import random
import shutil
import tempfile
from collections.abc import Iterator

# Read when the libraries are imported, so set before any test module is.
_HUB_CACHE = tempfile.mkdtemp(prefix="hf_metalr-tests-")
os.environ |= {
    "HF_HOME": _HUB_CACHE,
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ACCELERATE_USE_CPU": "true",
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRITON_INTERPRET": "1",  # kernels run on a CPU
}

import numpy as np
import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """Start every test from the same random state and from float32."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def pytest_unconfigure() -> None:
    shutil.rmtree(_HUB_CACHE, ignore_errors=True)
