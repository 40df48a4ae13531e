"""The code blocks of the documents."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# A comment before a block says why it is not run, or which package it cannot do without.
_BLOCK = re.compile(
    r"^(?:<!-- (?P<word>not run|needs): (?P<text>.+) -->\n)?```(?P<language>\w+)[^\n]*\n(?P<code>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `line` is that of its first line of code."""

    page: Path
    line: int
    code: str
    not_run: str | None
    needs: str | None


def blocks_of(page: Path, language: str) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        if found["language"] == language:
            word = {found["word"]: found["text"]}
            line = text.count("\n", 0, found.start("code")) + 1
            yield Block(page, line, found["code"], word.get("not run"), word.get("needs"))


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()
