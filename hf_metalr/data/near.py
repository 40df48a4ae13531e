"""What exists, when something does not: the names most like the missing one first."""

import difflib
from collections.abc import Sequence

SHOWN = 10


def near_misses(wanted: str, existing: Sequence[str]) -> str:
    """Return the existing names for an error message, those that resemble the wanted one first.

    >>> near_misses("lable", ["image", "label"])
    'are: label, image'
    >>> near_misses("x", [])
    'are none'
    """
    if not existing:
        return "are none"
    near = difflib.get_close_matches(wanted, existing, n=3, cutoff=0.6)
    ordered = [*near, *(name for name in existing if name not in near)]
    more = len(ordered) - SHOWN
    return f"are: {', '.join(ordered[:SHOWN])}" + (f" and {more} more" if more > 0 else "")
