"""The text of a file, whatever marks its encoding; what is not told by a mark must be UTF-8."""

import codecs
from pathlib import Path

from hf_metalr.errors import InputError

_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def text_of_file(path: Path) -> tuple[str, list[str]]:
    """Return the text of a file with its line ends as they are, and what is to be told of its encoding.

    A byte order mark is left out. UTF-16 is read where its mark says so.

    Raises:
        InputError: any other encoding; a guess among those of Western Europe would spoil every other language.
    """
    content = path.read_bytes()
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            "data",
            f"must be UTF-8, found the byte 0x{content[error.start]:02x} in line {line} of '{path}'. Save it as UTF-8 "
            "(in Excel 'CSV UTF-8'), or convert it: iconv -f WINDOWS-1252 -t UTF-8.",
        ) from error
    if "\0" in text:
        raise InputError(
            "data", f"must be text, found zero bytes in '{path}': UTF-16 without its mark? Save it as UTF-8."
        )
    return text, [f"'{path.name}' is read as UTF-16"] if encoding == "utf-16" else []
