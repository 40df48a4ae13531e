"""Where every parameter sits: in which list of blocks, in which tower, before or after the blocks, or in the head.

The rule: the first block number inside a name is the unit; a name without one belongs to the child module beside the
blocks. What the words mean is in `words.py`; here is only structure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hf_metalr.layer_groups.parameter_names import Path, common_prefix
from hf_metalr.layer_groups.words import (
    CLASSIFIERS,
    NECK_BEFORE_CLASSIFIER,
    Role,
    container_rank,
    role_of,
    split_numbered,
)


@dataclass(frozen=True)
class Spot:
    """A place in a list of units: `encoder.layers.3.mlp.weight` is number 3 of the list `encoder.layers`."""

    list_path: Path
    index: int
    rest: Path

    @property
    def word(self) -> str:
        """What the list calls its units; "" for a bare `nn.Sequential`."""
        return self.list_path[-1] if self.list_path else ""


@dataclass(frozen=True)
class Tower:
    """The part of the network that a list belongs to, such as its encoder; path () in a network with one list.

    prefix: what tells its names from those of other towers. needs_word: only the word of the list tells them apart.
    """

    path: Path
    prefix: Path
    needs_word: bool


@dataclass(frozen=True)
class Layout:
    """The structure of one network. All tuples run parallel to the parameters, in their order of definition.

    spots: the place in a list of units, None beside the lists and in the head. children: the module beside the lists
    that holds the parameter, and what follows it. heads: whether the parameter is in the head. towers: the tower of
    each list.
    """

    spots: tuple[Spot | None, ...]
    children: tuple[Path, ...]
    heads: tuple[bool, ...]
    towers: dict[Path, Tower]


def read_layout(paths: Sequence[Path]) -> Layout:
    """Find the lists, the children beside them, the heads and the towers of a network."""
    base = _base(paths)
    below_base = [path[len(base) :] for path in paths if path[: len(base)] == base]
    is_chain_of_models = any(path[0].isdigit() and _holds_list(path[1:]) for path in below_base)
    spots = [_find_spot(path, base, is_chain_of_models) for path in paths]
    parents = {spot.list_path[:-1] for spot in spots if spot}
    known = {parent[:length] for parent in parents | {base} for length in range(len(parent) + 1)}
    children = [path[max(n for n in range(len(path)) if path[:n] in known) :] for path in paths]
    heads = _heads(paths, spots, children)
    if not any(heads):
        heads = _last_leaf_module(paths, children, len(base))
    spots = [None if is_head else spot for spot, is_head in zip(spots, heads, strict=True)]
    lists = list(dict.fromkeys(spot.list_path for spot in spots if spot))
    return Layout(tuple(spots), tuple(children), tuple(heads), {own: _tower(own, lists) for own in lists})


def _base(paths: Sequence[Path]) -> Path:
    """The path that holds all but the head: `("vit",)` in a ViT classifier."""
    body = [path[:-1] for path in paths if not any(role_of(segment) is Role.HEAD for segment in path)]
    prefix = common_prefix(body)
    for length, segment in enumerate(prefix):
        is_list = any(len(path) > length + 1 and path[length + 1].isdigit() for path in body)
        is_list = is_list or container_rank(segment) is not None or split_numbered(segment) is not None
        if is_list or segment.isdigit() or role_of(segment):
            return prefix[:length]
    is_one_module = all(path == prefix for path in body)
    return prefix[:-1] if is_one_module else prefix


def _holds_list(path: Path) -> bool:
    return any(
        split_numbered(word) or (container_rank(word) is not None and following.isdigit())
        for word, following in pairwise(path)
    )


def _find_spot(path: Path, base: Path, is_chain_of_models: bool) -> Spot | None:
    top = len(base) if path[: len(base)] == base else 0
    for i, segment in enumerate(path[:-1]):
        if i >= top and role_of(segment) not in (None, Role.PROJECTION):
            return None
        numbered = split_numbered(segment)
        if numbered:
            return Spot((*path[:i], numbered[0]), numbered[1], path[i + 1 :])
        if i == top and segment.isdigit() and not is_chain_of_models:
            return Spot(path[:i], int(segment), path[i + 1 :])
        if path[i + 1].isdigit() and not segment.isdigit() and (i == top or container_rank(segment) is not None):
            return Spot(path[: i + 1], int(path[i + 1]), path[i + 2 :])
    return None


def _heads(paths: Sequence[Path], spots: Sequence[Spot | None], children: Sequence[Path]) -> list[bool]:
    """Head words count where they are nearest to the root: a `head` deeper inside the backbone pools its output.

    A projection is a head behind the last block (CLIP, Whisper), and an input or a connector before it.
    """
    last_block = max((position for position, spot in enumerate(spots) if spot), default=len(paths))
    candidates: dict[int, Role] = {}
    for position, (child, spot) in enumerate(zip(children, spots, strict=True)):
        role = role_of(child[0]) if spot is None else None
        if role is Role.HEAD or (role is Role.PROJECTION and position > last_block):
            candidates[position] = role
    words = {position: children[position][0].strip("_") for position in candidates}
    if CLASSIFIERS & set(words.values()):
        candidates = {
            position: role for position, role in candidates.items() if words[position] != NECK_BEFORE_CLASSIFIER
        }
    named = [position for position, role in candidates.items() if role is Role.HEAD]
    depths = [len(path) - len(child) for path, child in zip(paths, children, strict=True)]
    nearest = min((depths[position] for position in named or candidates), default=None)
    return [position in candidates and depth == nearest for position, depth in enumerate(depths)]


def _last_leaf_module(paths: Sequence[Path], children: Sequence[Path], base: int) -> list[bool]:
    """Without a head word a shallow last layer is the head: the end of a Sequential, `fc3`, a lone linear layer."""
    module = paths[-1][:-1]
    below_base = module[base:]
    is_shallow = len([segment for segment in below_base if not segment.isdigit()]) <= 1 and len(below_base) <= 2
    if not is_shallow or role_of(children[-1][0]) is not None:
        return [False] * len(paths)
    return [path[:-1] == module for path in paths]


def _tower(own: Path, lists: Sequence[Path]) -> Tower:
    """The shortest beginning of the list's path that no other list shares."""
    if len(lists) == 1:
        return Tower((), (), False)
    common = common_prefix(lists)
    length = len(common) + 1
    while length < len(own) and sum(other[:length] == own[:length] for other in lists) > 1:
        length += 1
    path = own[: min(length, len(own) - 1)]
    return Tower(path, path[len(common) :], needs_word=length >= len(own))
