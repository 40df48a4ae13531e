"""Time and value of the scores of features, side by side with the public implementation that PyPI serves.

    pip install --no-deps transformer-ranker torchmetrics lightning-utilities
    python -m benchmarks.scores

writes ``results/scores.md``. Without the first line the rival's columns stay empty. Other packages with these scores
could not be called on tensors: transferability-metric 0.1 reads a folder of one file per sample and imports modules
that it does not install under that name; tllib is not on PyPI.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from hf_metalr import scores

RESULTS = Path(__file__).parent / "results"
SIZES = [(5000, 1024, 100), (2000, 384, 10), (1000, 2048, 10)]  # samples, channels, classes
K = 3
NOTES = """Where the values differ: the rival's evidence lacks terms where N < D; its k-NN breaks a tie of votes by the
smaller label, ours by the nearer neighbour; its H-score divides one of the two covariances by N − 1. Two threads that
share busy cores can take much longer than one: the decompositions meet at many barriers.
"""
Score = Callable[[Tensor, Tensor], float]

OURS: dict[str, Score] = {
    "log_maximum_evidence": scores.log_maximum_evidence,
    f"nearest_neighbor_accuracy, k={K}": partial(scores.nearest_neighbor_accuracy, k=K),
    "shrinkage_h_score": scores.shrinkage_h_score,
    "h_score": scores.h_score,
    "linear_probe_accuracy": scores.linear_probe_accuracy,
    "trans_rate": scores.trans_rate,
    "gaussian_bhattacharyya_coefficient": scores.gaussian_bhattacharyya_coefficient,
}


def rivals() -> dict[str, Score]:
    """Return transformer-ranker's estimators under our names, where it is installed.

    Its k-NN sees unit rows, on which its Euclidean neighbours are the cosine's (its own cosine needs rows × N × D
    numbers at once); its H-score sees standardised channels, as ours does.
    """
    try:
        from transformer_ranker.estimators import HScore, LogME, NearestNeighbors
    except ImportError:
        return {}
    return {
        "log_maximum_evidence": lambda features, labels: LogME().fit(embeddings=features, labels=labels),
        f"nearest_neighbor_accuracy, k={K}": lambda features, labels: NearestNeighbors(k=K).fit(
            embeddings=torch.nn.functional.normalize(features), labels=labels
        ),
        "shrinkage_h_score": lambda features, labels: HScore().fit(
            embeddings=(features - features.mean(dim=0)) / features.std(dim=0, correction=0), labels=labels
        ),
    }


def problem(samples: int, channels: int, classes: int) -> tuple[Tensor, Tensor]:
    """Return float32 features like a network's: correlated channels, a falling spectrum, classes that overlap."""
    generator = torch.Generator().manual_seed(0)
    draw = partial(torch.randn, generator=generator)
    labels = torch.arange(samples) % classes
    hidden = (draw(samples, channels) + 0.25 * draw(classes, channels)[labels]) * torch.arange(1, channels + 1) ** -0.5
    return hidden @ draw(channels, channels), labels


def measure(score: Score, features: Tensor, labels: Tensor, rounds: int) -> tuple[float, str]:
    """Return the score, and its processor seconds: the median of the rounds after a first that warms up, and the least.

    Processor time of all threads, which other programs disturb less than wall time: an upper bound of the wall time of
    an idle machine, met with one thread.
    """
    seconds = []
    for _ in range(rounds + 1):
        start = time.process_time()
        value = score(features, labels)
        seconds.append(time.process_time() - start)
    return value, f"{statistics.median(seconds[1:]):.2f} ({min(seconds[1:]):.2f})"


def page(rounds: int, sizes: list[tuple[int, int, int]]) -> str:
    """Measure everything and return the page."""
    theirs = rivals()
    lines = [
        "# Scores of features",
        "",
        f"`python -m benchmarks.scores --rounds {rounds} --threads {torch.get_num_threads()}`: torch "
        f"{torch.__version__}, Python {platform.python_version()}, {platform.machine()}, {torch.get_num_threads()} "
        f"thread(s). Processor seconds: median of {rounds} rounds (least). Rival: "
        f"{'transformer-ranker' if theirs else 'transformer-ranker, not installed'}.",
        "",
        "| score | N × D, classes | value | seconds | rival's value | rival's seconds |",
        "|---|---|---|---|---|---|",
    ]
    for size in sizes:
        features, labels = problem(*size)
        for name, score in OURS.items():
            value, seconds = measure(score, features, labels, rounds)
            other, other_seconds = measure(theirs[name], features, labels, rounds) if name in theirs else (None, "")
            cells = [name, f"{size[0]} × {size[1]}, {size[2]}", f"{value:.4f}", seconds]
            cells += ["" if other is None else f"{other:.4f}", other_seconds]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", NOTES])


def main(arguments: list[str] | None = None) -> None:
    """Write the page to ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS / "scores.md")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    text = page(options.rounds, SIZES)
    options.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
