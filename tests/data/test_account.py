"""The block that is told before anything else: its numbers add up, and its words can be read."""

import pytest

from hf_metalr.data.account import Account
from hf_metalr.data.ledger import Ledger


def test_the_block_reads_as_it_should() -> None:
    files = Ledger("file", 6).without("hidden file", [".DS_Store"]).without("empty file", ["a/0.png", "a/1.png"])
    rows = Ledger("row", 3)
    account = Account("scans", files, rows, {"train": 2, "test": 1}, ["a", "b"], {"train": [1, 1], "test": [1, 0]})
    assert str(account).splitlines() == [
        "data: scans",
        "  6 files found = 3 read + 3 left out",
        "    left out, 1: hidden file (.DS_Store)",
        "    left out, 2: empty file (a/0.png, …)",
        "  3 rows found, all read",
        "classes: 0 = a, 1 = b",
        "splits: train 2, test 1",
        "  class  train  test",
        "  a          1     1",
        "  b          1     0",
    ]


def test_json_holds_the_same_numbers() -> None:
    rows = Ledger("row", 3).without("the image cannot be read", ["row 2"])
    found = Account("x.csv", None, rows, {"used": 2}, ["a", "b"], {"used": [1, 1]}).to_dict()
    assert found["rows"] == {
        "unit": "row",
        "found": 3,
        "read": 2,
        "left_out": [{"reason": "the image cannot be read", "count": 1, "example": "row 2"}],
    }
    assert found["classes"] == {"a": 0, "b": 1}
    assert found["counts"] == {"used": {"a": 1, "b": 1}}


def test_nothing_left_out_is_no_entry() -> None:
    ledger = Ledger("file", 2)
    assert ledger.without("hidden file", []) is ledger
    assert ledger.read == ledger.found == 2


@pytest.mark.parametrize(("found", "words"), [(1, "1 file found, all read"), (0, "0 files found, all read")])
def test_numbers_agree_with_their_noun(found: int, words: str) -> None:
    assert str(Ledger("file", found)) == words
