"""Timing several methods in turn, each in a process, and so with a heap, of its own."""

import multiprocessing
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection

Timer = Callable[[], float]


def time_in_turns(make_timers: Mapping[str, Callable[[], Timer]], rounds: int) -> dict[str, list[float]]:
    """Run every timer once per round, one at a time, and return the times of each by name.

    Methods that share a heap inherit each other's fragments, which moved ratios by a tenth. Each round begins with
    another method; one run before the first round is not counted (optimizer state, buffers, kernel caches).

    Args:
        make_timers: by name, a picklable function that prepares a method and returns its timer.
        rounds: number of counted runs of each timer.
    """
    names = list(make_timers)
    context = multiprocessing.get_context("spawn")
    ends, processes = {}, []
    for name, make_timer in make_timers.items():
        ends[name], far_end = context.Pipe()
        processes.append(context.Process(target=_serve, args=(far_end, make_timer), daemon=True))
        processes[-1].start()
        far_end.close()  # so that a dead process is an EOFError here, not a wait without end
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            ends[name].send("run")
            elapsed = ends[name].recv()
            if turn > 0:
                times[name].append(elapsed)
    for end in ends.values():
        end.close()
    for process in processes:
        process.join()
    return times


def _serve(end: Connection, make_timer: Callable[[], Timer]) -> None:
    timer = make_timer()
    while True:
        try:
            end.recv()
        except EOFError:
            return
        end.send(timer())
