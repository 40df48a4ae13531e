"""JSON files that may come from anywhere: read with a bound on their size, every value checked before it is used."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from hf_metalr.errors import InputError
from hf_metalr.outputs import write_files

# JSON has no infinity: where a rule allows numbers that are not finite, they are these texts.
_NOT_FINITE = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}
_WAY_OUT = "The file was edited or damaged."


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Row = TypeVar("_Row", bound=_Named)


def read_object(path: str | os.PathLike[str], most_bytes: int, kind: str) -> dict[str, Any]:
    """Read a JSON object from a file of bounded size.

    Args:
        path: of the file.
        most_bytes: larger files are refused unread.
        kind: what the file should be, such as "profile"; for the messages.

    Raises:
        InputError: there is no such file, it is too large, or it holds no JSON object.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(None, f"{file} is no file.")
    if file.stat().st_size > most_bytes:
        raise InputError(
            None, f"{file} must have at most {most_bytes} bytes, found {file.stat().st_size}: it is no {kind}."
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(None, f"{file} is not valid JSON ({error}).") from error
    if not isinstance(content, dict):
        raise InputError(None, f"{file} must hold a JSON object, found {type(content).__name__}.")
    return content


def write_object(content: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a JSON object of finite numbers; a crash leaves either the old file or the new one.

    Raises:
        InputError: a number is not finite; nothing is written.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # The same bytes everywhere: no line ends of the system's own.
    write_files({Path(path): lambda place: place.write_text(text, encoding="utf-8", newline="\n")})


def require_schema(content: dict[str, Any], schema: str, version: int, place: str, way_out: str) -> None:
    """Refuse an object of another schema or version.

    Raises:
        InputError: it is one; the message ends with the way out.
    """
    if content.get("schema") != schema or content.get("version") != version:
        raise InputError(
            None,
            f"{place} must be of schema {schema!r}, version {version}, found {str(content.get('schema'))[:80]!r}, "
            f"version {str(content.get('version'))[:20]}. {way_out}",
        )


class Reader:
    """Takes checked values out of one JSON object.

    >>> Reader({"steps": 3}, "run.json")("steps", "an integer of at least 1", lambda v: is_count(v) and v >= 1)
    3
    """

    def __init__(self, content: dict[str, Any], place: str) -> None:
        self._content, self.place = content, place

    def __call__(self, key: str, rule: str, is_sound: Callable[[Any], Any]) -> Any:
        """Return the value of a key, null where it is missing.

        Raises:
            InputError: it breaks the rule.
        """
        value = self._content.get(key)
        if isinstance(value, str) and value in _NOT_FINITE and "number" in rule:
            value = _NOT_FINITE[value]
        if not is_sound(value):
            raise InputError(None, f"{self.place}: {key!r} must be {rule}, found {str(value)[:80]!r}. {_WAY_OUT}")
        return value


def read_rows(read: Reader, key: str, word: str, parse: Callable[[Reader], _Row]) -> tuple[_Row, ...]:
    """Return the checked rows of a table under a key: at least one, of different names.

    Args:
        read: reader of the object that holds the table.
        key: of the table.
        word: what a row is, for the messages.
        parse: makes a row, which has a ``name``, of a reader of its object.

    Raises:
        InputError: there is no such table, a row is refused, or two have one name.
    """
    content = read(key, "a list of at least one object", lambda v: isinstance(v, list) and v and all(map(is_object, v)))
    rows = tuple(parse(Reader(row, f"{read.place}, {word} {number}")) for number, row in enumerate(content))
    if len({row.name for row in rows}) < len(rows):
        raise InputError(None, f"{read.place}: {key!r} must have different names. {_WAY_OUT}")
    return rows


def is_number(value: object) -> bool:
    """Return whether a value is a number that fits a float; JSON has integers of any length, and bool is none."""
    return type(value) is float or (type(value) is int and abs(value) < 2**53)


def is_finite(value: object) -> bool:
    """Return whether a value is a number that fits a float, and neither infinite nor nan."""
    return is_number(value) and math.isfinite(value)  # type: ignore[arg-type]  # a number


def is_count(value: object) -> bool:
    """Return whether a value is an integer from 0 to 2⁵³."""
    return type(value) is int and 0 <= value < 2**53


def is_text(value: object) -> bool:
    """Return whether a value is a text."""
    return isinstance(value, str)


def is_object(value: object) -> bool:
    """Return whether a value is an object."""
    return isinstance(value, dict)


def is_object_of_texts(value: object) -> bool:
    """Return whether a value is an object from text to text."""
    return isinstance(value, dict) and all(map(is_text, value.values()))


def optional_number(rule: str, is_sound: Callable[[Any], bool]) -> tuple[str, Callable[[Any], bool]]:
    """Return the arguments of a `Reader` for a number that may be null."""
    return f"{rule}, or null", lambda value: value is None or (is_number(value) and is_sound(value))
