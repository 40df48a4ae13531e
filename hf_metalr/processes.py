"""Which process of a distributed launch this is, by the launcher's environment; which speaks first, and how it ends."""

import gc
import os
import sys
import time

PATIENCE = 20.0  # seconds; processes of one launch reach the same mistake within a few of each other


def process_index() -> int:
    """Return the number of this process in a distributed launch, 0 without one; the main process has number 0."""
    return int(os.environ.get("RANK", "0"))


def is_first_here() -> bool:
    """Return whether this is the first process of a distributed launch on its machine, or the only one."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def let_the_first_speak() -> None:
    """Wait, in all but the first process of a machine, before a mistake is told.

    When the first makes the same mistake, it tells it and ends, and the launcher ends the others as they wait: the
    mistake is told once. One that ended before the first could have it ended in silence.
    """
    if not is_first_here():
        time.sleep(PATIENCE)


def end_process_group() -> None:
    """End torch's process group, if there is one, after everything that holds it.

    A model in DistributedDataParallel that outlives the group, or a group that is left to the interpreter's end, may
    abort the process there ("terminate called without an active exception", about one exit in four here).
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_available() and torch.distributed.is_initialized():
        gc.collect()  # trainers, engines and their hooks hold one another
        torch.distributed.destroy_process_group()
