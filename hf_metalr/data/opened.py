"""What a source holds, before its columns are chosen."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hf_metalr.data.ledger import Ledger, LeftOut

# Columns that come from where a file lies.
IMAGE, LABEL, MASK, SUBFOLDER = "image", "label", "mask", "subfolder"


@dataclass(frozen=True)
class Opened:
    """What a source holds. Every kind of source (`hf_metalr.data.kinds`) returns this.

    Attributes:
        parts: a `datasets.Dataset` for every split; one with the key None where there are none. Columns of images hold
            `Image(decode=False)`: {bytes, path}, decoded by `hf_metalr.data.images.decode` alone.
        folder: what paths of files are told relative to; None for a data set of the Hub.
        files: of a folder or of files: how many were found, and what was left out; None where there are no files.
        lost_rows: of tables, rows that are not in the parts: the reason, and what they are called.
        notes: what was decided on the user's behalf, one sentence each, such as where the splits come from.
    """

    parts: dict[str | None, Any]
    folder: Path | None = None
    files: Ledger | None = None
    notes: list[str] = field(default_factory=list)
    lost_rows: tuple[LeftOut, ...] = ()
