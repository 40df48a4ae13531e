"""A training that only spends time, in a file that a fresh process imports at once."""

import time

from benchmarks.in_turns import Pace


def spend(seconds: float, pace: Pace) -> None:
    """Train nothing; the first step takes four times as long as the others."""
    share = 4.0
    while True:
        end = time.process_time() + share * seconds
        while time.process_time() < end:
            pass
        pace()
        share = 1.0
