"""Everything that a user says of a prediction, and what all commands that use a fine-tuned model share."""

from dataclasses import dataclass
from pathlib import Path

from hf_metalr.data.config import DataConfig
from hf_metalr.data.labels.tasks import TASKS
from hf_metalr.options import option, positive_int

_MODEL, _OUTPUT = "model", "output"


@dataclass(frozen=True)
class ModelConfig:
    """A fine-tuned model and how it is used.

    Attributes:
        model: folder or Hub id.
        task: None takes it from the configuration of the model.
    """

    model: str
    task: str | None = option(
        "what the model does (default: by its configuration, and told)",
        default=None,
        metavar="TASK",
        choices=TASKS,
        group=_MODEL,
    )
    batch_size: int = option("inputs per forward pass", default=32, type=positive_int, metavar="N", group=_MODEL)
    trust_remote_code: bool = option("allow code of a Hub model to run", default=False, group=_MODEL)


@dataclass(frozen=True)
class PredictionConfig:
    """One prediction of many inputs. The words of its options explain the fields."""

    data: DataConfig
    model: ModelConfig
    out: Path = option("table to be written: .csv, .jsonl or .parquet", metavar="FILE", group=_OUTPUT)
    masks: Path | None = option(
        "folder of the masks of a segmentation (default: FILE without its ending, and _masks)",
        default=None,
        metavar="FOLDER",
        group=_OUTPUT,
    )
    calibrated: bool = option(
        "divide the logits by the temperature that evaluate --save-temperature put into the model", default=False
    )
    resume: bool = option("go on where an earlier call was interrupted", default=False, group=_OUTPUT)
    overwrite: bool = option("write over an earlier table of this name", default=False, group=_OUTPUT)
