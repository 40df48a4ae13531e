"""Tables: CSV, TSV, JSON, JSON lines and parquet files."""

from collections.abc import Sequence
from glob import escape
from pathlib import Path

from hf_metalr.data.kinds.guard import guarded
from hf_metalr.data.ledger import Ledger
from hf_metalr.data.opened import Opened
from hf_metalr.data.split_names import split_of
from hf_metalr.errors import InputError


def open_tables(files: Sequence[Path], source: str) -> Opened:
    """Read tables."""
    from datasets import Dataset, concatenate_datasets

    suffixes = sorted({file.suffix.lower() for file in files})
    if len(suffixes) > 1:
        raise InputError("data", f"files must be all of one kind, found {', '.join(suffixes)}.")
    readers = {".parquet": Dataset.from_parquet, ".json": Dataset.from_json, ".jsonl": Dataset.from_json}
    read = readers.get(suffixes[0], Dataset.from_csv)
    more = {"sep": "\t"} if suffixes[0] == ".tsv" else {}
    parts: dict[str | None, list[Dataset]] = {}
    for file in files:
        parts.setdefault(split_of(file.stem), []).append(guarded(source, read, escape(str(file)), **more))
    joined = {name: concatenate_datasets(some) for name, some in parts.items()}
    return Opened(joined, files[0].parent, Ledger("file", len(files)))
