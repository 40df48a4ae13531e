"""How long it takes to list a folder and to say what lies where: `python -m benchmarks.listing --files 100000`.

The files are tiny and nothing is decoded: what is measured is the reader's own work, with the file system's
cache warm and `datasets` imported.
"""

import argparse
import tempfile
import time
from pathlib import Path

import datasets  # noqa: F401 - so that its import is not measured

from hf_metalr.data.config import DataConfig
from hf_metalr.data.folders.listing import list_folder
from hf_metalr.data.folders.places import find_places
from hf_metalr.data.folders.twins import find_twins
from hf_metalr.data.source import open_source


def make_files(folder: Path, count: int) -> None:
    """Write files into split/class/patient folders, ten to a patient."""
    for number in range(0, count, 10):
        patient = number // 10
        place = (
            folder / ("train", "train", "train", "test")[patient % 4] / f"class_{patient % 5}" / f"patient_{patient}"
        )
        place.mkdir(parents=True)
        for image in range(min(10, count - number)):
            (place / f"{image}.png").write_bytes(b"x")


def measure(count: int) -> dict[str, float]:
    """Return the seconds that listing, layout and the whole opening take for so many files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "scans")
        make_files(folder, count)
        started = time.perf_counter()
        listing = list_folder(folder)
        listed = time.perf_counter()
        places = find_places(find_twins(listing.images).folders)
        placed = time.perf_counter()
        opened = open_source(DataConfig((str(folder),)))
        finished = time.perf_counter()
    assert len(places.folders) == sum(map(len, opened.parts.values())) == count
    return {"listing": listed - started, "layout": placed - listed, "all, with the data set": finished - placed}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    options = parser.parse_args()
    for what, seconds in measure(options.files).items():
        print(f"{what}: {seconds:.2f} s for {options.files:,} files")
