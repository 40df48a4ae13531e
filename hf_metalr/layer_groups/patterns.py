"""The user's own layer groups: regular expressions over parameter names."""

import difflib
import re
from collections.abc import Mapping, Sequence

from hf_metalr.errors import InputError

_NEAR_MISSES = 3
# Looser than difflib's 0.6: what is compared is a regular expression with its special signs removed.
_CUTOFF = 0.5


def match_patterns(patterns: Mapping[str, str], names: Sequence[str], unwrapped: Sequence[str]) -> list[str | None]:
    """The group name of the first pattern found (`re.search`) in each parameter name, None where no pattern is found.

    A pattern may speak of the name as given or of the name without the wrappers of torch and PEFT.

    Raises:
        InputError: the mapping is empty, an expression is invalid, a group name is no log key, or a pattern matches
            nothing or only what earlier patterns took.
    """
    if not patterns:
        raise InputError(
            "layer_groups", "is an empty mapping. Give regex -> group name, or 'stage', 'block' or 'tensor'."
        )
    winners: list[str | None] = [None] * len(names)
    for pattern, group in patterns.items():
        expression = _compile(pattern)
        _check_group_name(pattern, group)
        found = [
            position
            for position, (name, short) in enumerate(zip(names, unwrapped, strict=True))
            if expression.search(name) or expression.search(short)
        ]
        if not found:
            raise InputError(
                "layer_groups",
                f"the pattern {pattern!r} (for the group {group!r}) matches no trainable parameter. "
                f"{_near_misses(pattern, names)}",
            )
        free = [position for position in found if winners[position] is None]
        if not free:
            raise InputError(
                "layer_groups",
                f"the pattern {pattern!r} (for the group {group!r}) matches only parameters that "
                "earlier patterns took; the first match wins. Put it before them or remove it.",
            )
        for position in free:
            winners[position] = group
    return winners


def _compile(pattern: str) -> re.Pattern[str]:
    if not isinstance(pattern, str):
        raise InputError("layer_groups", f"maps regular expressions (str) to group names, but has the key {pattern!r}.")
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InputError("layer_groups", f"{pattern!r} is not a valid regular expression: {error}.") from error


def _check_group_name(pattern: str, group: str) -> None:
    if not isinstance(group, str) or not re.fullmatch(r"[^\s/]+", group):
        raise InputError(
            "layer_groups",
            f"the group name of {pattern!r} must be a text without spaces and '/' (it becomes the log "
            f"key 'lr/<name>'), found {group!r}.",
        )


def _near_misses(pattern: str, names: Sequence[str]) -> str:
    """The parameter names that hold the dotted parts most similar to the pattern."""
    literal = re.sub(r"[\\^$*+?()\[\]{}|]", "", pattern).strip(".")
    holder: dict[str, str] = {}
    for name in names:
        segments = name.split(".")
        for start in range(len(segments)):
            for end in range(start + 1, len(segments) + 1):
                holder.setdefault(".".join(segments[start:end]), name)
    close = difflib.get_close_matches(literal, holder, n=10 * _NEAR_MISSES, cutoff=_CUTOFF)
    misses = list(dict.fromkeys(holder[part] for part in close))[:_NEAR_MISSES]
    if misses:
        return "Near misses: " + ", ".join(repr(name) for name in misses) + "."
    return f"The names look like {names[0]!r} … {names[-1]!r}."
