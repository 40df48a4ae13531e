"""`metalr_history.jsonl`: one JSON row per meta step, appended as training goes and cut back when a run resumes.

Keys of a row: ``step``, ``base_lr``, ``effective_lr``, ``hypergradient`` (three objects from layer group to number,
input to output), ``meta_loss`` where one was computed, ``skipped`` (the reason) where nothing was moved. What is not
finite is null.
"""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from hf_metalr.engine.meta_step import MetaStep
from hf_metalr.errors import InputError

HISTORY_NAME = "metalr_history.jsonl"


class History:
    """Appends meta steps to a file. Every row is handed to the operating system at once, so a killed process loses
    none.

    Args:
        path: the file; made with its folder when the first row arrives.
        resume_step: rows after this optimizer step, and a last row that was cut short, are dropped. 0 starts afresh.
        source: the file to take the kept rows from, where a run goes on in another folder; by default ``path``.
    """

    def __init__(
        self, path: str | os.PathLike[str], resume_step: int = 0, source: str | os.PathLike[str] | None = None
    ) -> None:
        self.path = Path(path).resolve()  # what a link points to, so that replacing the file leaves the link
        self._file: TextIO | None = None
        source = self.path if source is None else Path(source)
        kept = read_history(source) if resume_step > 0 and source.is_file() else []
        if kept or self.path.exists():
            _rewrite(self.path, [row for row in kept if row["step"] <= resume_step])

    def append(self, meta_step: MetaStep) -> None:
        """Write one row."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a", encoding="utf-8", newline="\n")
        self._file.write(json.dumps(history_row(meta_step), allow_nan=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; a later row opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None


def history_row(meta_step: MetaStep) -> dict[str, Any]:
    """Return the row of one meta step, as written to the file."""
    row: dict[str, Any] = {
        "step": meta_step.step,
        "base_lr": meta_step.base_lr,
        "effective_lr": meta_step.effective_lr,
        "hypergradient": meta_step.hypergradient,
    }
    if meta_step.meta_loss is not None:
        row["meta_loss"] = meta_step.meta_loss if math.isfinite(meta_step.meta_loss) else None
    if meta_step.skipped is not None:
        row["skipped"] = meta_step.skipped
    return row


def read_history(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return the rows of a history file, oldest first; a last line that a crash cut short is left out.

    Raises:
        InputError: a line before the last is not the JSON object of a meta step.
    """
    return list(iterate_history(path))


def iterate_history(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows that `read_history` returns, one at a time: a long history need not fit into memory."""
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n"):  # what follows the last line break was never finished
                yield _row(line, f"Line {number} of {path}")


def _row(line: bytes, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        if not isinstance(row, dict) or type(row.get("step")) is not int:
            raise ValueError("no object with an integer 'step'")
    except (ValueError, RecursionError) as error:
        raise InputError(
            None, f"{place} is not the row of a meta step ({error}): the file was edited or damaged. Mend or remove it."
        ) from error
    return row


def _rewrite(path: Path, rows: list[dict[str, Any]]) -> None:
    # Replaced in one move, so that a crash leaves either the old file or the new one.
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8", newline="\n")
    os.replace(temporary, path)
