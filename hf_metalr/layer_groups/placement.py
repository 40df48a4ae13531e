"""The unit of every parameter: its readable name, the name of its stage, and its position from input to output."""

from collections.abc import Sequence
from dataclasses import dataclass

from hf_metalr.layer_groups.layout import Spot, read_layout
from hf_metalr.layer_groups.parameter_names import Path
from hf_metalr.layer_groups.words import Role, container_rank, inner_index, role_of

HEAD = "head"

# Compared in this order: part of the network, position of the tower, phase in the tower, position of the list item
# (or of the module beside the lists), position of the part of a stage.
SortKey = tuple[int, int, int, int, int]
_INPUT, _BODY, _OUTPUT = 0, 1, 2

# The parts of a stage besides its blocks. They stand where they are defined: a downsampling layer ends a Swin stage
# and begins a ConvNeXt stage.
_STAGE_PARTS = (Role.EMBEDDINGS, Role.DOWNSAMPLE, Role.NORM)


@dataclass(frozen=True)
class Unit:
    """One block, embedding, norm, …: what the grouping "block" makes a layer group of.

    stage: the name of the stage in a hierarchical network, otherwise None.
    series: the list and the number of a block in a flat one, such as ("encoder.layer", 3), otherwise None.
    """

    name: str
    key: SortKey
    stage: str | None = None
    series: tuple[str, int] | None = None
    is_head: bool = False


def place(paths: Sequence[Path]) -> list[Unit]:
    """The unit of every parameter, given the paths of all parameters in their order of definition."""
    placement = _Placement(paths)
    return [placement.unit(position) for position in range(len(paths))]


class _Placement:
    """What has to be known of the whole network to name one parameter of it."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.layout = read_layout(paths)
        self.paths = paths
        spots = [(position, spot) for position, spot in enumerate(self.layout.spots) if spot]
        # A number directly after the number of a stage is a block if that block has modules: `block.0.1.mlp.weight`.
        self.nested = {
            (spot.list_path, spot.index, spot.rest[0])
            for _, spot in spots
            if len(spot.rest) > 2 and spot.rest[0].isdigit()
        }
        self.hierarchical = {spot.list_path for _, spot in spots if self._block_of(spot) is not None}
        self.item_start: dict[tuple[Path, int], int] = {}
        self.tower_start: dict[Path, int] = {}
        for position, spot in spots:
            self.item_start.setdefault((spot.list_path, spot.index), position)
            self.tower_start.setdefault(self.layout.towers[spot.list_path].path, position)
        self.has_embeddings = {
            self._tower_of(position)
            for position, child in enumerate(self.layout.children)
            if self.layout.spots[position] is None and role_of(child[0]) is Role.EMBEDDINGS
        }

    def unit(self, position: int) -> Unit:
        if self.layout.heads[position]:
            return Unit(HEAD, (_OUTPUT, 0, 0, 0, 0), is_head=True)
        spot = self.layout.spots[position] or self._parallel_spot(position)
        return self._in_list(position, spot) if spot else self._beside_lists(position)

    def _in_list(self, position: int, spot: Spot) -> Unit:
        tower = self.layout.towers[spot.list_path]
        item = (_BODY, self.tower_start[tower.path], 1, self.item_start[spot.list_path, spot.index])
        if spot.list_path not in self.hierarchical:
            is_common_word = not spot.word or container_rank(spot.word) is not None
            word = "layer" if is_common_word and not tower.needs_word else spot.word.strip("_")
            series = ".".join((*tower.prefix, word))
            return Unit(f"{series}.{spot.index}", (*item, 0), series=(series, spot.index))
        word = spot.word.strip("_") if tower.needs_word else "stage"
        stage = ".".join((*tower.prefix, word, str(spot.index)))
        block = self._block_of(spot)
        if block is not None:
            return Unit(f"{stage}.block.{block}", (*item, position), stage=stage)
        if spot.rest[0].isdigit() or spot.rest[0] in ("weight", "bias"):
            return Unit(stage, (*item, position), stage=stage)
        role = role_of(spot.rest[0])
        part = role.value if role in _STAGE_PARTS else spot.rest[0].strip("_")
        return Unit(f"{stage}.{part}", (*item, position), stage=stage)

    def _beside_lists(self, position: int) -> Unit:
        child = self.layout.children[position][0]
        role = role_of(child)
        tower = self._tower_of(position)
        start = min(self.tower_start.values(), default=0) if tower is None else self.tower_start[tower]
        is_input = role in (Role.EMBEDDINGS, Role.STEM) or position < start
        if is_input:
            name = "embeddings" if tower in self.has_embeddings else "stem"
        elif role is Role.NORM and self.tower_start:  # without blocks it is a layer among others
            name = "norm"
        elif role is Role.POOLER:
            name = "pooler"
        elif role is Role.HEAD:  # in front of the real one
            name = "neck"
        else:
            name = child.strip("_")
        if tower is None:
            key = (_INPUT, 0, 0, 0, 0) if is_input else (_BODY, position, 0, 0, 0)
            return Unit(name, key)
        prefix = next(found.prefix for found in self.layout.towers.values() if found.path == tower)
        return Unit(".".join((*prefix, name)), (_BODY, start, 0 if is_input else 1, position, 0))

    def _block_of(self, spot: Spot) -> int | None:
        if spot.rest and (spot.list_path, spot.index, spot.rest[0]) in self.nested:
            return int(spot.rest[0])
        return inner_index(spot.word, spot.rest)

    def _parallel_spot(self, position: int) -> Spot | None:
        """`patch_embeddings.2` and `layer_norm.2` beside a list of stages belong to stage 2."""
        child, tower = self.layout.children[position], self._tower_of(position)
        if role_of(child[0]) not in _STAGE_PARTS or len(child) < 3 or not child[1].isdigit():
            return None
        for stages in self.hierarchical:
            if self.layout.towers[stages].path == tower and (stages, int(child[1])) in self.item_start:
                return Spot(stages, int(child[1]), (child[0], *child[2:]))
        return None

    def _tower_of(self, position: int) -> Path | None:
        """The innermost tower around the parameter; None for what towers share (`shared` embeddings, connectors)."""
        path = self.paths[position]
        around = [tower for tower in self.tower_start if path[: len(tower)] == tower]
        return max(around, key=len, default=None)
