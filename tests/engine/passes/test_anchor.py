"""What θ̄ remembers: precision enough to follow small steps, and it survives a checkpoint."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from hf_metalr.engine import MetaLR, MetaLRConfig
from hf_metalr.engine.displacements import Displacements
from hf_metalr.layer_groups.param_groups import LAYER_GROUP_KEY


def on_one_parameter(values: torch.Tensor, follows: bool = True) -> tuple[nn.Parameter, Displacements]:
    parameter = nn.Parameter(values)
    optimizer = torch.optim.SGD([{"params": [parameter], LAYER_GROUP_KEY: "all"}], lr=0.1)
    return parameter, Displacements(optimizer, follows)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_anchor_follows_steps_of_one_rounding_unit(dtype: torch.dtype) -> None:
    # catches: a bfloat16 anchor, which a fifth of one unit never moves
    parameter, displacements = on_one_parameter(torch.ones(8, dtype=dtype))
    displacements.remember()
    with torch.no_grad():
        parameter.copy_(torch.nextafter(parameter, torch.tensor(2.0, dtype=dtype)))
    squares = [displacements.measure(follow=0.2)[2].item() for _ in range(12)]
    for before, after in pairwise(squares):
        assert after == pytest.approx(0.64 * before, rel=1e-3)


def test_an_anchor_that_is_set_anew_has_the_precision_of_its_parameter() -> None:
    _, displacements = on_one_parameter(torch.ones(8, dtype=torch.bfloat16), follows=False)
    displacements.remember()
    assert displacements._before["all"][0].dtype == torch.bfloat16


def test_the_engine_asks_for_an_anchor_that_follows_where_the_horizon_is_long() -> None:
    dtypes = {}
    for horizon in (1, 5):
        model = nn.Linear(4, 2).bfloat16()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        engine = MetaLR(model, optimizer, config=MetaLRConfig(estimator="next_batch", horizon=horizon))
        model(torch.ones(3, 4, dtype=torch.bfloat16)).sum().backward()
        optimizer.step()
        [dtypes[horizon]] = {t.dtype for tensors in engine._displacements._before.values() for t in tensors}
    assert dtypes == {1: torch.bfloat16, 5: torch.float32}


def test_a_restored_anchor_keeps_its_precision_and_memory_order() -> None:
    # catches: what was saved rounded to the parameter's dtype
    model = nn.Conv2d(3, 4, 2).to(torch.bfloat16, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD([{"params": list(model.parameters()), LAYER_GROUP_KEY: "all"}], lr=0.1)
    saved = Displacements(optimizer, follows=True)
    saved.remember()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    saved.measure(follow=0.2)
    state = saved.state_dict(model)
    state["tensors"] = {name: tensor.contiguous() for name, tensor in state["tensors"].items()}
    restored = Displacements(optimizer, follows=True)
    restored.load_state_dict(state, model)
    assert torch.equal(restored.measure(), saved.measure())
    assert restored._before["all"][0].stride() == model.weight.stride()
