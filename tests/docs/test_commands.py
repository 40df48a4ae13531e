"""The commands of the documents are ones that `hf-metalr` understands."""

import re
import shlex
from pathlib import Path

import pytest

from hf_metalr.cli.command import find_commands
from hf_metalr.cli.program import _build_parsers, _parse
from tests.docs.blocks import PAGES, blocks_of, name_of

# Indented transcripts ("$ hf-metalr …") and fenced shell blocks; a line that ends in a backslash goes on.
_TRANSCRIPT = re.compile(r"^    (?:\$ )?(hf-metalr [a-z-]+(?: .*)?)$", re.M)
_LAUNCHER = re.compile(r"^accelerate launch .*-m hf_metalr ")


def commands_of(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    fenced = [line for block in blocks_of(page, "bash") for line in block.code.replace("\\\n", " ").splitlines()]
    lines = [*_TRANSCRIPT.findall(text), *(_LAUNCHER.sub("hf-metalr ", line) for line in fenced)]
    written_out = [line for line in lines if line.startswith("hf-metalr ")]
    return [line for line in written_out if "…" not in line and "COMMAND" not in line]


def test_commands_were_found() -> None:
    assert sum(len(commands_of(page)) for page in PAGES) > 10


@pytest.mark.parametrize("page", [page for page in PAGES if commands_of(page)], ids=name_of)
def test_options_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in commands_of(page):
        try:
            _parse(shlex.split(line, comments=True)[1:], *_build_parsers(find_commands()))
        except SystemExit:
            pytest.fail(f"{name_of(page)}: {line}\n{capsys.readouterr().err}")
