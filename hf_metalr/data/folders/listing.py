"""What lies in a folder: every file is an image, a table, or left out with a reason."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from hf_metalr.data.images.decode import IMAGE_SUFFIXES
from hf_metalr.data.ledger import Ledger
from hf_metalr.errors import InputError

TABLE_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar")
SPREADSHEETS = (".xlsx", ".xls", ".ods")
SYSTEM_FILES = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "dicomdir")
MAC_ARCHIVE = "__MACOSX"  # what macOS adds to archives: a shadow of every file, with the same suffix
RUN_FILES = ("metalr.json", "trainer_state.json", "model.safetensors", "adapter_model.safetensors")
DICOM_MAGIC, DICOM_MAGIC_AT = b"DICM", 128  # DICOM part 10: a preamble of 128 bytes, then this word


@dataclass(frozen=True)
class Listing:
    """What lies in a folder, in the order of the names.

    Attributes:
        folder: that was listed.
        images: files that count as images, relative to the folder and with "/".
        tables: files that count as tables, as well.
        folders: all folders below that are not left out, as well.
        files: how many files were found, and which were left out.
        notes: what else is to be told: linked folders, and folders that cannot be opened.
    """

    folder: Path
    images: tuple[str, ...]
    tables: tuple[str, ...]
    folders: tuple[str, ...]
    files: Ledger
    notes: tuple[str, ...]


@dataclass
class _Walk:
    root: str
    names: list[tuple[str, os.DirEntry[str], str | None]] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seen: set[tuple[int, int]] = field(default_factory=set)


def list_folder(folder: Path) -> Listing:
    """List a folder and all below it; linked folders are followed, each folder once.

    The order in which a file system gives its files makes no difference.

    Raises:
        InputError: the folder itself cannot be opened.
    """
    walk = _Walk(os.path.realpath(folder))
    try:
        with os.scandir(folder):
            pass
    except OSError as error:
        raise InputError("data", f"'{folder}' cannot be opened: {error.strerror}.") from error
    _enter(walk, str(folder), "", None)
    images: list[str] = []
    tables: list[str] = []
    left: dict[str, list[str]] = {}
    for name, entry, why in walk.names:
        kind, reason = (None, why) if why else _kind(name, entry)
        if reason:
            left.setdefault(reason, []).append(_printable(name))
        else:
            (images if kind == "image" else tables).append(name)
    files = Ledger("file", len(walk.names))
    for reason, names in left.items():
        files = files.without(reason, names)
    return Listing(folder, tuple(images), tuple(tables), tuple(walk.folders), files, tuple(walk.notes))


def _enter(walk: _Walk, path: str, name: str, why: str | None) -> None:
    """Collect what lies in one folder; ``why`` all of it is left out, if it is."""
    try:
        status = os.stat(path)
        with os.scandir(path) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
    except OSError as error:
        walk.notes.append(
            f"the folder '{_printable(name)}' cannot be opened ({error.strerror}): its files are not read"
        )
        return
    if (status.st_dev, status.st_ino) in walk.seen:
        walk.notes.append(f"the folder '{_printable(name)}' leads to one that is read already: it is read once")
        return
    walk.seen.add((status.st_dev, status.st_ino))
    if name and why is None:
        walk.folders.append(name)
    why = why or _why_of_folder(entries, top=not name)
    for entry in entries:
        below = f"{name}/{entry.name}" if name else entry.name
        if not _is_folder(entry):
            walk.names.append((below, entry, why))
        elif entry.is_symlink() and _inside(os.path.realpath(entry.path), walk.root):
            walk.notes.append(
                f"the linked folder '{_printable(below)}' leads into the data or around them: it is not followed"
            )
        else:
            _enter(walk, entry.path, below, why or _why_by_name(entry.name))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _inside(path: str, root: str) -> bool:
    """Return whether a real path lies in a folder, or the folder in it."""
    return any(os.path.commonpath([path, root]) == one for one in (path, root))


def _why_by_name(name: str) -> str | None:
    if name == MAC_ARCHIVE or name.startswith("._"):
        return "added by macOS"
    return "hidden" if name.startswith(".") else None


def _why_of_folder(entries: Sequence[os.DirEntry[str]], *, top: bool) -> str | None:
    """Tell the output of a training that was written among the data."""
    written = not top and any(entry.name in RUN_FILES for entry in entries)
    return "in the folder of a model or a run" if written else None


def _kind(name: str, entry: os.DirEntry[str]) -> tuple[str | None, str | None]:
    """Return "image" or "table", or why the file is neither."""
    hidden = _why_by_name(entry.name)
    if hidden:
        return None, hidden
    if entry.name.lower() in SYSTEM_FILES:
        return None, "written by the system"
    if _printable(name) != name:
        return None, "the name is not UTF-8"
    try:
        if not entry.is_file():
            return None, "broken link" if entry.is_symlink() else "no ordinary file"
        if not entry.stat().st_size:
            return None, "empty file"
    except OSError as error:
        return None, f"cannot be read ({error.strerror})"
    return _kind_by_suffix(entry)


def _kind_by_suffix(entry: os.DirEntry[str]) -> tuple[str | None, str | None]:
    path = PurePosixPath(entry.name)
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return "image", None
    if suffix in TABLE_SUFFIXES:
        return "table", None
    if suffix in ARCHIVES:
        return None, "archive (unpack it to read what it holds)"
    if suffix in SPREADSHEETS:
        return None, "spreadsheet (save it as CSV to read it)"
    # Files of scanners often have no suffix, or end in the last number of a UID.
    if not suffix[1:] or suffix[1:].isdigit():
        return ("image", None) if _is_dicom(entry.path) else (None, "no image or table (no suffix)")
    return (
        None,
        f"no image or table of a known kind ({''.join(path.suffixes[-2:]).lower() if suffix == '.gz' else suffix})",
    )


def _is_dicom(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(DICOM_MAGIC_AT + len(DICOM_MAGIC))[DICOM_MAGIC_AT:] == DICOM_MAGIC
    except OSError:
        return False


def _printable(name: str) -> str:
    """Return the name, with bytes that are no UTF-8 written out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def barren(listing: Listing) -> Iterator[str]:
    """Yield the uppermost folders below which there is neither an image nor a table."""
    fertile = {""}
    for folder in {name.rpartition("/")[0] for name in (*listing.images, *listing.tables)}:
        while folder not in fertile:
            fertile.add(folder)
            folder = folder.rpartition("/")[0]
    return (name for name in listing.folders if name not in fertile and name.rpartition("/")[0] in fertile)
