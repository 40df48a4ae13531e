"""Which process of a distributed launch this one is, told by the launcher's environment."""

import os


def process_index() -> int:
    """Return the number of this process in a distributed launch, 0 without one; the main process has number 0."""
    return int(os.environ.get("RANK", "0"))


def is_first_here() -> bool:
    """Return whether this is the first process of a distributed launch on its machine, or the only one."""
    return os.environ.get("LOCAL_RANK", "0") == "0"
