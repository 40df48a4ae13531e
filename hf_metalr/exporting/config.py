"""Everything that a user says of an export."""

from dataclasses import dataclass
from pathlib import Path

from hf_metalr.inference.config import ModelConfig
from hf_metalr.options import option

FORMATS = ("onnx",)


@dataclass(frozen=True)
class ExportConfig:
    """One export. The words of its options explain the fields."""

    model: ModelConfig
    out: Path = option("file to be written", metavar="FILE.onnx")
    format: str = option("onnx is the only one", default="onnx", choices=FORMATS)
    data: tuple[str, ...] | None = option(
        "inputs to check the export on, as predict takes them (default: those of the training, where they are still "
        "there, else made up, which is told)",
        default=None,
        metavar="SOURCE",
        several=True,
    )
    overwrite: bool = option("write over an earlier export of this name", default=False)
