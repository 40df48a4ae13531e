"""Two real gloo processes rank as one process does."""

import json

import pytest

from tests.parallel.launch import start
from tests.ranking import worker
from tests.ranking.tiny import save_vit

pytestmark = pytest.mark.xdist_group("ranking_processes")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[dict]]:
    """Processes -> one result per rank; one process is this one."""
    folder = tmp_path_factory.mktemp("ranking")
    model = save_vit(folder / "vit")
    for processes in (1, 2):
        (folder / str(processes)).mkdir()
    worker.main(folder / "1", model, folder / "cache-1")
    start(2, "tests.ranking.worker", str(folder / "2"), model, str(folder / "cache-2"))
    return {
        processes: [
            json.loads((folder / str(processes) / f"rank-{rank}.json").read_text()) for rank in range(processes)
        ]
        for processes in (1, 2)
    }


def test_the_launch_is_not_hollow(results):
    for processes, ranks in results.items():
        assert [rank["world_size"] for rank in ranks] == [[processes, processes]] * processes


@pytest.mark.parametrize("run", ["ranking", "again", "one batch"])
def test_two_processes_rank_as_one(results, run):
    # catches: shards in the wrong order, samples padded in, scores of one rank alone
    (one,), (first, second) = results[1], results[2]
    assert first[run] == second[run] == one[run]


def test_features_are_cached_once(results):
    (one,), two = results[1], results[2]
    assert one["again"] == one["ranking"]
    assert one["cached"] == 2  # the model and its twin
    assert [rank["cached"] for rank in two] == [2, 2]


def test_an_error_on_one_process_ends_all(results):
    # row 40 belongs to the second process; the first would wait for it for ever
    assert {rank["error"].split(" (")[0] for ranks in results.values() for rank in ranks} == {
        "`input_column` 'image': 1 of 48 inputs cannot be read: row 40: it is damaged: the file ends early. Mend or "
        "remove them, or leave them out with `skip_damaged`."
    }
