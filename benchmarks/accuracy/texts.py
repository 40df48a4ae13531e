"""Movie-review snippets and how positive 15 readers found them, as a small sentiment task.

The ratings come with the PyPI source package vaderSentiment (Hutto & Gilbert 2014, MIT licence; 10,604 sentences of the
Rotten Tomatoes reviews of Pang & Lee 2005, which SST-2 is made of, too).
"""

import random
import tarfile
from pathlib import Path

import torch
from transformers import AutoTokenizer

from benchmarks.accuracy.assets import Assets
from benchmarks.accuracy.splits import Split, own_groups, require_disjoint_groups

MEMBER = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
# Sentences whose mean rating (from -4 to 4) lies closer to 0 are left out: readers did not agree on their sign.
CLEAR_RATING = 0.5
SIZES = {"train": 4000, "validation": 500, "test": 1000}
TOKENS = 40  # seven of eight sentences are no longer


def load_texts(name: str, network: str, assets: Assets) -> dict[str, Split]:
    """Return the three splits, tokenised for a network: positive (1) or negative (0)."""
    rows = _read_ratings(assets.find(name))
    random.Random(0).shuffle(rows)  # the splits are ours; this decides them, once for all
    tokenizer = AutoTokenizer.from_pretrained(assets.find(network))
    splits, start = {}, 0
    for split, size in SIZES.items():
        part = rows[start : start + size]
        start += size
        texts = [text for _, text in part]
        tokens = tokenizer(texts, truncation=True, max_length=TOKENS, padding="max_length", return_tensors="pt")
        labels = torch.tensor([int(rating > 0) for rating, _ in part])
        groups = torch.tensor([group for _, group in zip(part, own_groups(split), strict=False)])
        splits[split] = Split(tokens["input_ids"], labels, groups)
    require_disjoint_groups(splits)
    return splits


def _read_ratings(archive: Path) -> list[tuple[float, str]]:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(MEMBER)
        assert file is not None
        lines = file.read().decode("latin-1").splitlines()
    rows = [(float(rating), text) for _, rating, text in (line.split("\t", 2) for line in lines)]
    return [(rating, text) for rating, text in rows if abs(rating) >= CLEAR_RATING]
