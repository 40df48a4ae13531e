"""The short block that every command that reads data begins with: what was found, left out, and used, in numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hf_metalr.data.ledger import Ledger
from hf_metalr.tables import console_table

SHOWN = 20  # of the classes
USED = "used"


@dataclass(frozen=True)
class Account:
    """What became of all files and rows, and what is left of each class.

    Attributes:
        source: what the user named.
        files: of a folder or of files; None where there are none.
        rows: found in them, and left out.
        splits: how many rows each has; one called "used" where nothing is divided.
        classes: the names in the order of their numbers; empty for a regression.
        counts: rows of each class, in the order of the numbers, by split.
    """

    source: str
    files: Ledger | None
    rows: Ledger
    splits: Mapping[str, int]
    classes: Sequence[str] = ()
    counts: Mapping[str, Sequence[int]] | None = None

    def __str__(self) -> str:
        lines = [f"data: {self.source}"]
        for ledger in (self.files, self.rows):
            if ledger is not None:
                lines += [f"  {ledger}", *(f"    left out, {entry}" for entry in ledger.left_out)]
        if self.classes:
            shown = ", ".join(f"{number} = {name}" for number, name in enumerate(self.classes[:SHOWN]))
            more = f" and {len(self.classes) - SHOWN} more" * (len(self.classes) > SHOWN)
            lines.append(f"classes: {shown}{more}")
        lines.append("splits: " + ", ".join(f"{name} {count}" for name, count in self.splits.items()))
        if self.counts:
            header = ["  class", *self.counts]
            rows = [
                [f"  {name}", *(str(counts[number]) for counts in self.counts.values())]
                for number, name in enumerate(self.classes[:SHOWN])
            ]
            lines.append(console_table(header, rows))
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the same for JSON."""
        return {
            "source": self.source,
            "files": None if self.files is None else self.files.to_dict(),
            "rows": self.rows.to_dict(),
            "classes": {name: number for number, name in enumerate(self.classes)},
            "counts": {
                name: dict(zip(self.classes, counts, strict=True)) for name, counts in (self.counts or {}).items()
            },
        }
