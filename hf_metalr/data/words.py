"""Names in a sentence."""

from collections.abc import Sequence


def show(names: Sequence[str], most: int = 5) -> str:
    """Return a few names, and how many more there are.

    >>> show(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"'{name}'" for name in names[:most]) + more


def named(noun: str, names: Sequence[str]) -> str:
    """Return a noun in its number with the names.

    >>> named("folder", ["a", "b"])
    "folders 'a', 'b'"
    """
    return f"{noun}{'s' * (len(names) != 1)} {show(names)}"
