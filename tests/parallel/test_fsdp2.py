"""The engine on parameters that torch's own `fully_shard` has split over two gloo processes."""

import json
from pathlib import Path

import pytest
import torch

from tests.parallel.launch import start

pytestmark = [
    pytest.mark.xdist_group("fsdp2"),  # one worker makes what these tests share
    pytest.mark.skipif(not hasattr(torch.cpu.Stream, "record_event"), reason="this torch shards on GPUs alone"),
]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    folder: Path = tmp_path_factory.mktemp("fsdp2")
    start(2, "tests.parallel.fsdp2_worker", str(folder))
    results = [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in range(2)]
    assert [result["world_size"] for result in results] == [2, 2]
    return results


@pytest.mark.parametrize("estimator", ["lookahead", "next_batch"])
@pytest.mark.parametrize("lr_update", ["proportional", "log_adam"])
def test_sharded_parameters_learn_the_rates_of_whole_ones(ranks, estimator: str, lr_update: str) -> None:
    # catches: dot products of one shard only, norms of one shard, shards counted twice
    (sharded, whole), (other, _) = (rank["runs"][f"{estimator} {lr_update}"] for rank in ranks)
    assert sharded["rates"] == other["rates"]
    assert sharded["rates"] == pytest.approx(whole["rates"], rel=1e-4)
    assert len(set(sharded["rates"].values())) == 3


def test_sharded_parameters_have_the_bounds_of_whole_ones(ranks) -> None:
    # catches: the size of one process's shard, which may even be empty
    for rank in ranks:
        for sharded, whole in rank["runs"].values():
            assert sharded["bounds"] == whole["bounds"]
            assert len({tuple(bounds) for bounds in whole["bounds"].values()}) == 2  # body and head
