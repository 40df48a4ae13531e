"""Numbers on the command line, for argparse."""

import argparse
import math

LARGEST_SEED = 2**32 - 1  # of NumPy


def positive_int(text: str) -> int:
    """Read a whole number of at least 1.

    Raises:
        argparse.ArgumentTypeError: it is no whole number or below 1.
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, found '{text}'")
    return number


def seed(text: str) -> int:
    """Read a whole number that every generator of random numbers takes, 0 to 2³² − 1.

    Raises:
        argparse.ArgumentTypeError: it is no such number.
    """
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {LARGEST_SEED}, found '{text}'")
    return number


def not_negative(text: str) -> float:
    """Read a finite number of at least 0.

    >>> not_negative("1e-3")
    0.001

    Raises:
        argparse.ArgumentTypeError: it is no such number.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise argparse.ArgumentTypeError(f"must be a finite number of at least 0, found '{text}'")
    return number
