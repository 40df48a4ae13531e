"""What a user says of his data."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataConfig:
    """What a user says of his data; every command that reads data takes it.

    Attributes:
        data: one folder, one or several files, or a data set of the Hub.
        subset: configuration of a data set of the Hub, such as sst2 of glue.
        split: the one split to use; None takes all (training) or the training split (everything else).
        input_column: of images or texts; two for pairs of texts; None finds it by type and name.
        label_column: of labels; several for one column of 0 and 1 per label; None finds it.
        group_column: no two splits share a value of this column, such as a patient.
        group_pattern: the same by the file's name: a regular expression, its first match or the first group of it.
        groups: the same by a table of its own, with a column of files and one of groups.
        window: (low, high): intensities of deep images that become black and white; None takes each file's own rule.
        max_samples: at most so many; None for all.
        skip_damaged: leave out inputs that cannot be read instead of refusing them all.
        seed: of what is drawn.
    """

    data: tuple[str, ...]
    subset: str | None = None
    split: str | None = None
    input_column: tuple[str, ...] | None = None
    label_column: tuple[str, ...] | None = None
    group_column: str | None = None
    group_pattern: str | None = None
    groups: Path | None = None
    window: tuple[float, float] | None = None
    max_samples: int | None = None
    skip_damaged: bool = False
    seed: int = 0
