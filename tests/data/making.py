"""Tables made for tests, from text or from columns."""

from pathlib import Path
from typing import Any

from datasets import Dataset
from PIL import Image

from hf_metalr.data.config import DataConfig
from hf_metalr.data.kinds.tables import open_tables
from hf_metalr.data.ledger import Ledger
from hf_metalr.data.opened import Opened
from hf_metalr.data.tables.table import Table, make_table


def write(folder: Path, files: dict[str, str | bytes]) -> list[Path]:
    """Write files below a folder."""
    paths = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        paths.append(path)
    return paths


def opened(folder: Path, files: dict[str, str | bytes]) -> Opened:
    """Write tables and open them."""
    return open_tables(write(folder, files), str(folder))


def rows_of(part: Any) -> dict[str, list[Any]]:
    """Return the columns of a data set."""
    return {name: list(part[name]) for name in part.column_names}


def table_of(
    folder: Path,
    content: str,
    name: str = "table.csv",
    several_splits: bool = True,
    split_column: str | None = None,
    **said: Any,
) -> Table:
    """Write one table and make it."""
    config = DataConfig((name,), **said)
    return make_table(opened(folder, {name: content}), config, several_splits=several_splits, split_column=split_column)


def table_from(parts: dict[str | None, Any], several_splits: bool = True, **said: Any) -> Table:
    """Make a table of data sets in memory."""
    return make_table(Opened(parts), DataConfig(("data",), **said), several_splits=several_splits)


def labels(**columns: list[Any]) -> Table:
    """Return a table of texts with these label columns, empty cells included."""
    count = len(next(iter(columns.values())))
    dataset = Dataset.from_dict({"text": ["a"] * count, **columns})
    return Table(
        dataset, [(None, row) for row in range(count)], ["text"], list(columns), None, Ledger("row", count), []
    )


def save_scans(folder: Path, count: int) -> None:
    """Save images 0.png, 1.png, …, each of another shade of grey."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("L", (4, 4), number * 10).save(folder / f"{number}.png")
