"""Which backbone for these chest X-rays? Rank a pre-trained MobileNetV2 and its random twin. Offline, on a CPU.

Run: python examples/rank_backbones.py
Put Hub ids and folders of your own into MODELS. Data and weights are shipped; see examples/assets/README.md.
"""

import argparse
from pathlib import Path

from datasets import load_dataset

from hf_metalr import Ranking, rank_backbones

ASSETS = Path(__file__).parent / "assets"
MODELS = {"MobileNetV2": ASSETS / "mobilenetv2"}  # or ["google/vit-base-patch16-224", "microsoft/resnet-50"]


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--output-dir", type=Path, default=Path("outputs/ranking"), help="where everything is written")
    parser.add_argument("--max-samples", type=int, default=1000, help="how many training images to look at")
    parser.add_argument("--seed", type=int, default=0, help="of the chosen images, folds, bootstraps and the twin")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> Ranking:
    """Rank on training images: the test images stay unseen until a model is fine-tuned."""
    options = parse_arguments(argv)
    dataset = load_dataset("parquet", data_files=str(ASSETS / "pneumoniamnist" / "train.parquet"), split="train")
    ranking = rank_backbones(
        MODELS, dataset, max_samples=options.max_samples, random_twins=True, seed=options.seed,
        cache_dir=options.output_dir / "features",
    )  # fmt: skip
    print(ranking)
    ranking.plot().savefig(options.output_dir / "ranking.png", dpi=150)
    ranking.save(options.output_dir / "ranking.json")
    (options.output_dir / "ranking.md").write_text(ranking.card_section(), encoding="utf-8")
    return ranking


if __name__ == "__main__":
    main()
