"""Nothing vanishes: what was found is what was read and what was left out, with the reason and an example of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class LeftOut:
    """What was left out for one reason.

    Attributes:
        reason: in plain words, such as "hidden file" or "mask, not an image".
        names: of the files (relative to the folder) or rows, in order.
    """

    reason: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{len(self.names)}: {self.reason} ({self.names[0]}{', …' if len(self.names) > 1 else ''})"


@dataclass(frozen=True)
class Ledger:
    """How many files, or rows, were found, and which of them were left out.

    >>> ledger = Ledger("file", 3).without("hidden file", [".DS_Store"])
    >>> print(ledger)
    3 files found = 2 read + 1 left out
    """

    unit: str
    found: int
    left_out: tuple[LeftOut, ...] = ()

    @property
    def read(self) -> int:
        """How many are left."""
        return self.found - sum(len(entry.names) for entry in self.left_out)

    def without(self, reason: str, names: Sequence[str]) -> "Ledger":
        """Return the ledger with more left out; the same where there is nothing to leave out."""
        return self if not names else replace(self, left_out=(*self.left_out, LeftOut(reason, tuple(names))))

    def and_lost(self, entries: Sequence[LeftOut]) -> "Ledger":
        """Return the ledger with others that were found as well, and left out before."""
        found = self.found + sum(len(entry.names) for entry in entries)
        return replace(self, found=found, left_out=(*entries, *self.left_out))

    def __str__(self) -> str:
        lost = self.found - self.read
        words = f"{self.found} {self.unit}{'s' * (self.found != 1)} found"
        return words + (f" = {self.read} read + {lost} left out" if lost else ", all read")

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, the reasons and one example of each, for JSON."""
        entries = [{"reason": e.reason, "count": len(e.names), "example": e.names[0]} for e in self.left_out]
        return {"unit": self.unit, "found": self.found, "read": self.read, "left_out": entries}
