"""Timing the training steps of several methods in turn, each method in a process, and so with a heap, of its own."""

import multiprocessing
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection


class Pace:
    """Called by a training loop after every step: reports what the step took and waits for its next turn.

    Args:
        end: connection to the process that says whose turn it is.

    Raises:
        EOFError: that process has timed enough.
    """

    def __init__(self, end: Connection) -> None:
        self._end = end
        self._began = time.process_time()

    def __call__(self) -> None:
        """Report the processor time since the last turn began, in seconds, and wait."""
        # Processor time of one thread is the wall time of an idle machine, and stays close to it on a busy one.
        self._end.send(time.process_time() - self._began)
        self._end.recv()
        self._began = time.process_time()


Training = Callable[[Pace], None]


def time_in_turns(trainings: Mapping[str, Training], steps: int, warm_up_steps: int) -> dict[str, list[float]]:
    """Let every method take one step at a time, one after the other, and return their step times by name.

    Methods that share a heap inherit each other's fragments, which moved ratios by a tenth; hence the processes. Each
    turn begins with another method.

    Args:
        trainings: by name, a picklable function that trains without end and calls its `Pace` after every step.
        steps: number of counted steps of each method.
        warm_up_steps: number of steps before them (optimizer state, buffers, kernel caches); at least 1.
    """
    names = list(trainings)
    context = multiprocessing.get_context("spawn")
    ends, processes = {}, []
    for name, training in trainings.items():
        ends[name], far_end = context.Pipe()
        processes.append(context.Process(target=_train, args=(training, far_end), daemon=True))
        processes[-1].start()
        far_end.close()  # so that a dead process is an EOFError here, not a wait without end
        ends[name].recv()  # its first step, which runs alone like all others
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(1, warm_up_steps + steps):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            ends[name].send("go")
            seconds = ends[name].recv()
            if turn >= warm_up_steps:
                times[name].append(seconds)
    for end in ends.values():
        end.close()
    for process in processes:
        process.join()
    return times


def _train(training: Training, end: Connection) -> None:
    try:
        training(Pace(end))
    except EOFError:
        return
