"""The benchmark of listing runs, on few files."""

from benchmarks.listing import measure


def test_every_file_is_listed():
    assert set(measure(25)) == {"listing", "layout", "all, with the data set"}  # it counts the files itself
