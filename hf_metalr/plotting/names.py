"""Long names, cut at their start: they share their beginnings, and their ends tell them apart."""

import re
from collections.abc import Sequence

LONGEST_WORD = 12  # letters that a cut may drop to fall between two words


def shortened(names: Sequence[str], longest: int) -> list[str]:
    """Cut names longer than so many letters, where a word begins if one is near; all stay whole if two became one.

    >>> shortened(["base_model.model.encoder.layer.0", "head"], longest=20)
    ['…encoder.layer.0', 'head']
    """
    found = [name if len(name) <= longest else _end(name, longest - 1) for name in names]
    return found if len(set(found)) == len(set(names)) else list(names)


def _end(name: str, letters: int) -> str:
    end = name[-letters:]
    seam = re.search(r"[/_.-]", end[:LONGEST_WORD])
    return "…" + (end[seam.end() :] if seam else end)
