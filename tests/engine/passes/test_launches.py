"""What a meta step launches does not grow with tensors or layer groups."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from hf_metalr.engine.displacements import Displacements
from hf_metalr.engine.passes import foreach, passes
from hf_metalr.engine.passes.chunks import Chunks
from hf_metalr.layer_groups.param_groups import LAYER_GROUP_KEY

# What allocates memory, or names it anew, starts nothing on a device.
FREE = ("aten::empty", "aten::new_empty", "aten::promote_types", "aten::select", "aten::unsqueeze", "aten::view")
DTYPES = [torch.float32, torch.bfloat16]


class Launches(TorchDispatchMode):
    """Lists the operations that are dispatched, and the kernels that `Chunks` launches."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, function: Callable, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not function._schema.name.startswith(FREE):
            self.names.append(function._schema.name)
        return function(*args, **(kwargs or {}))


def launches(layers: int, dtype: torch.dtype, estimator: str) -> Launches:
    """Return what the second of two meta steps launches, with one layer group per layer."""
    model = nn.ModuleList(nn.Linear(6, 5) for _ in range(layers)).to(dtype)
    groups = [{"params": list(layer.parameters()), LAYER_GROUP_KEY: str(i)} for i, layer in enumerate(model)]
    displacements = Displacements(torch.optim.SGD(groups, lr=0.1), follows=estimator == "next_batch")
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    displacements.remember()
    for _ in range(2):
        with Launches() as launched:
            if estimator == "next_batch":
                displacements.measure(scale=2.0, follow=0.2)
            else:
                displacements.gradient_squares()
                displacements.remember()
                displacements.measure(scale=2.0)
                displacements.rescale(dict.fromkeys(displacements.parameters, 1.5))
        for parameter in model.parameters():  # elsewhere, as after the next backward
            parameter.grad = torch.randn_like(parameter)
    return launched


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("estimator", "most"), [("next_batch", 30), ("lookahead", 50)])
def test_by_foreach(estimator: str, most: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    # catches: a loop over tensors or layer groups that launches
    monkeypatch.setattr(passes.Passes, "_of", lambda self, work, kind: foreach)
    few, many = (launches(layers, dtype, estimator).names for layers in (12, 48))
    assert few == many
    assert 5 < len(many) <= most


KERNELS = {"next_batch": ["sums", "finish"], "lookahead": ["squares", "finish", "move", "sums", "finish", "move"]}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("estimator", "most"), [("next_batch", 10), ("lookahead", 20)])
def test_by_triton(estimator: str, most: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    # catches: the same in the kernels' launcher; a table sent once for every tensor
    pytest.importorskip("triton")
    from hf_metalr.engine.passes import kernels

    started: list[str] = []

    class Counted:
        """In the place of a kernel: what the interpreter does would be dispatched too."""

        def __init__(self, name: str) -> None:
            self.name = name

        def __getitem__(self, grid: tuple) -> Callable:
            started.append(self.name)
            return lambda *tensors, **settings: None

    for name in ("sums", "squares", "move", "finish"):
        monkeypatch.setattr(kernels, name, Counted(name))
    tables: dict = {}
    monkeypatch.setattr(passes.Passes, "_of", lambda self, *key: tables.setdefault((id(self), key), Chunks()))
    found = [launches(layers, dtype, estimator).names for layers in (12, 48)]
    assert found[0] == found[1]
    assert len(found[0]) + len(KERNELS[estimator]) <= most
    assert started[-len(KERNELS[estimator]) :] == KERNELS[estimator]
