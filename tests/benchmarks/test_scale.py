"""The model of cost at scale: the orders it must keep, and what stands in for machines that are not here."""

from dataclasses import replace

import pytest

from benchmarks.scale_model import H100, NETWORKS, PROCESSES, extra_bytes, extra_time, plain_step


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_the_next_batch_costs_less_than_the_lookahead_and_next_to_nothing_in_large_networks(network) -> None:
    for processes in PROCESSES:
        extra = extra_time(network, processes, "next_batch")
        assert extra < extra_time(network, processes, "lookahead")
        assert extra < 0.1 * plain_step(network, processes) or network.parameters < 1e9


def test_more_processes_add_latency_alone() -> None:
    network = NETWORKS[-1]
    added = extra_time(network, 1000, "next_batch") - extra_time(network, 1, "next_batch")
    assert added == pytest.approx(2 * 10 * H100.latency)
    assert extra_time(network, 1, "next_batch") == extra_time(network, 1, "next_batch", replace(H100, latency=1.0))


def test_one_process_exchanges_no_gradients() -> None:
    assert plain_step(NETWORKS[-1], 1) == plain_step(NETWORKS[-1], 1, replace(H100, link=1.0))
    assert plain_step(NETWORKS[-1], 2) < plain_step(NETWORKS[-1], 2, replace(H100, link=1.0))


def test_memory_is_shared_only_where_parameters_are() -> None:
    assert extra_bytes(NETWORKS[0], 8, "lookahead", sharded=False) == 2 * 4 * NETWORKS[0].parameters
    assert extra_bytes(NETWORKS[0], 8, "next_batch", sharded=True) == 4 * NETWORKS[0].parameters / 8
