"""What a prediction has done so far, so that it can go on after a crash; and the table that is made of it at the end.

Every process of a launch appends to a file of its own beside the table, `.FILE.partial-0.jsonl`: a line that says what
is predicted of what, then one line per row. The table appears whole, and the journals go.
"""

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np

from hf_metalr.errors import InputError, Parameter
from hf_metalr.inference.rows import FILE, PREDICTION
from hf_metalr.outputs import write_files

SUFFIXES = (".csv", ".jsonl", ".parquet")
REASON = "reason"
_CHUNK = 10_000  # rows of a parquet table that are in memory at a time


class Journal:
    """The rows of one table that were done, in whatever order.

    Args:
        out: the table.
        head: what is predicted of what; plain JSON values.
        resume: whether rows that were done before are kept.
        process: number of this process in a launch.

    Raises:
        InputError: there is a journal, and it is not to be gone on with; or it is of another prediction.
    """

    def __init__(self, out: Path, head: Mapping[str, Any], *, resume: bool, process: int = 0) -> None:
        self._out, self._head, self._process = out, dict(head), process
        self._file: IO[str] | None = None
        for path in self.paths():
            _require_same(path, self._head, resume)

    def paths(self) -> list[Path]:
        """Return the journals of all processes that are there, in the order of their names."""
        return sorted(self._out.parent.glob(f".{glob_escaped(self._out.name)}.partial-*.jsonl"))

    def done(self) -> set[int]:
        """Return the rows that are done, or could not be read."""
        return {row["row"] for path in self.paths() for row, _ in _lines(path)}

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows, each with its number as `row`; they are on disk when this returns."""
        if self._file is None:
            path = self._out.with_name(f".{self._out.name}.partial-{self._process}.jsonl")
            _cut_to_whole_lines(path)
            begins = not path.is_file()
            self._file = path.open("a", encoding="utf-8", newline="\n")
            if begins:
                self._file.write(json.dumps(self._head, ensure_ascii=False) + "\n")
        self._file.writelines(json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows)
        self._file.flush()

    def close(self) -> None:
        """Close the journal; it stays."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def finish(self, columns: Sequence[str], count: int) -> tuple[int, list[dict[str, Any]], Path | None]:
        """Write the table in the order of the rows, and what could not be read beside it; remove the journals.

        Args:
            columns: of the table.
            count: how many rows there were.

        Returns:
            How many rows the table has, those left out, and the file that lists them.
        """
        self.close()
        left_out = [dict(row) for row in self._ordered(count) if REASON in row]
        beside = self._out.with_name(f"{self._out.stem}.left_out.csv")

        def write(path: Path) -> None:
            _write_table(path, columns, (row for row in self._ordered(count) if REASON not in row))

        writers: dict[Path, Any] = {self._out: write}
        if left_out:
            writers[beside] = lambda path: _write_csv(path, [FILE, REASON], left_out)
        write_files(writers)
        if not left_out:
            beside.unlink(missing_ok=True)  # of an earlier prediction that was written over
        total = sum(1 for row in self._ordered(count) if REASON not in row)
        for path in self.paths():
            path.unlink()
        return total, left_out, beside if left_out else None

    def _ordered(self, count: int) -> Iterator[dict[str, Any]]:
        """Yield every row once, in order; only their places in the journals are in memory."""
        paths = self.paths()
        places = np.full((count, 2), -1, dtype=np.int64)
        for number, path in enumerate(paths):
            for row, offset in _lines(path):
                places[row["row"]] = number, offset
        with ExitStack() as stack:
            files = [stack.enter_context(path.open("rb")) for path in paths]
            for number, offset in places:
                if number >= 0:
                    files[number].seek(int(offset))
                    yield json.loads(files[number].readline())


def glob_escaped(name: str) -> str:
    """Return a file's name as a pattern that matches it alone."""
    import glob

    return glob.escape(name)


def _lines(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the rows of a journal and where they begin; a last line that a crash cut short is passed over."""
    with path.open("rb") as file:
        offset = len(file.readline())
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line), offset
            offset += len(line)


def _cut_to_whole_lines(path: Path) -> None:
    if not path.is_file():
        return
    with path.open("rb+") as file:
        content_end = file.seek(0, os.SEEK_END)
        place = content_end
        while place:
            file.seek(place - 1)
            if file.read(1) == b"\n":
                break
            place -= 1
        file.truncate(place)
    if not place:
        path.unlink()


def _require_same(path: Path, head: Mapping[str, Any], resume: bool) -> None:
    if not resume:
        raise InputError(
            "out",
            f"has a prediction that was interrupted ('{path}'). Go on with it by ",
            Parameter("resume"),
            ", or start anew by ",
            Parameter("overwrite"),
            ".",
        )
    with path.open(encoding="utf-8") as file:
        line = file.readline()
    if not line.endswith("\n"):  # not one row was done
        return
    before = json.loads(line)
    differing = sorted(key for key in {*before, *head} if before.get(key) != head.get(key))
    if differing:
        raise InputError(
            "resume",
            f"must have the same model, data and options as the call that was interrupted ('{path}'); other "
            f"{', '.join(differing)}. Give them as before, or start anew by ",
            Parameter("overwrite"),
            ".",
        )


def _write_table(path: Path, columns: Sequence[str], rows: Iterator[dict[str, Any]]) -> None:
    if path.suffix == ".csv":
        _write_csv(path, columns, rows)
    elif path.suffix == ".jsonl":
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for row in rows:
                file.write(json.dumps({name: row[name] for name in columns}, ensure_ascii=False) + "\n")
    else:
        _write_parquet(path, columns, rows)


def _write_csv(path: Path, columns: Sequence[str], rows: Any) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_parquet(path: Path, columns: Sequence[str], rows: Iterator[dict[str, Any]]) -> None:
    from datasets import Features, Value
    from datasets.arrow_writer import ParquetWriter

    first = next(rows, None)
    number = isinstance((first or {}).get(PREDICTION), float)
    kinds = {
        name: Value("string" if name == FILE or (name == PREDICTION and not number) else "float64") for name in columns
    }
    with ParquetWriter(path=str(path), features=Features(kinds), writer_batch_size=_CHUNK) as writer:
        for row in () if first is None else (first, *()):
            writer.write({name: row[name] for name in columns})
        for row in rows:
            writer.write({name: row[name] for name in columns})
        writer.finalize()
