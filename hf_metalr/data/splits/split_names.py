"""What the splits of data sets are called: whole words, in any case, never a part of a name."""

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def split_of(name: str) -> str | None:
    """Return which split a folder's, a file's or a column's word names; None for any other.

    >>> split_of("Testing"), split_of("pcr_test_1")
    ('test', None)
    """
    return SPLIT_NAMES.get(name.strip().lower())
