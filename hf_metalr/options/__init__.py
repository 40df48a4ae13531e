"""How a field of a config looks on a command line, told where the field is declared; and the numbers it may hold."""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import MISSING, field
from typing import Any

LARGEST_SEED = 2**32 - 1  # of NumPy


def option(
    help: str,  # noqa: A002  # the word of argparse
    *,
    default: Any = MISSING,
    type: Callable[[str], Any] | None = None,  # noqa: A002
    metavar: str | None = None,
    choices: Sequence[str] | None = None,
    several: bool = False,
    group: str | None = None,
    name: str | None = None,
    optional: str | None = None,
) -> Any:
    """Declare a field of a config class and its option.

    Args:
        help: what the option means; the default is added where it is none of None, False and an empty collection.
        default: of the field; without one the option is required.
        type: from the text on the command line to the value.
        metavar: stands for the value in the help.
        choices: the texts that it may be.
        several: whether the option takes several values, a tuple in the field.
        group: heading of the help that the option stands under; None for that of the class.
        name: of the option, where it is not that of the field.
        optional: value where the option is given without one; None where it needs one.
    """
    words: dict[str, Any] = {
        "help": help,
        "type": type,
        "metavar": metavar,
        "choices": choices,
        "several": several,
        "group": group,
    }
    words |= {"name": name, "optional": optional}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata={"option": words})
    return field(default=default, metadata={"option": words})


def positive_int(text: str) -> int:
    """Read a whole number of at least 1.

    Raises:
        argparse.ArgumentTypeError: it is no whole number or below 1.
    """
    return _whole(text, 1, None, "must be a whole number of at least 1")


def seed(text: str) -> int:
    """Read a whole number that every generator of random numbers takes, 0 to 2³² − 1.

    Raises:
        argparse.ArgumentTypeError: it is no such number.
    """
    return _whole(text, 0, LARGEST_SEED, f"must be a whole number from 0 to {LARGEST_SEED}")


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


def _whole(text: str, low: int, high: int | None, rule: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if number < low or (high is not None and number > high):
        raise argparse.ArgumentTypeError(f"{rule}, found '{text}'")
    return number
