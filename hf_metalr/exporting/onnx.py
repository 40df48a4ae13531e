"""`export_onnx`: a model as ONNX by `torch.onnx`, checked with onnxruntime on inputs before it appears.

Why not optimum: optimum-onnx asks for Transformers below 4.58, and goes through the exporter that torch retires. The
new one has given wrong answers in silence (pytorch/pytorch#168224, #169178): nothing is written that was not compared.
"""

import json
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hf_metalr.errors import InputError, Parameter
from hf_metalr.exporting.config import ExportConfig
from hf_metalr.exporting.preprocessing import TOKENIZER, preprocessing, save_tokenizer
from hf_metalr.exporting.samples import find_samples
from hf_metalr.inference.config import ModelConfig
from hf_metalr.inference.served import Served, load_served
from hf_metalr.inference.stream import as_batch
from hf_metalr.loading import first_line
from hf_metalr.outputs import require_writable

logger = logging.getLogger(__name__)

TOLERANCE = 1e-4
"""Largest difference of an output that counts as none, relative to the largest output where that is above 1."""

OUTPUT = "logits"
_NEEDED = ("onnx", "onnxscript", "onnxruntime")
_MOST_BYTES = 2**31 - 2**24  # of one file of protobuf; larger weights go beside it


@dataclass(frozen=True)
class Exported:
    """What an export came to; printed, it says what was checked.

    Attributes:
        out: the ONNX file.
        files: all that belong together.
        checked_on: what it was compared on.
        difference: largest one of an output.
        any_batch: whether it takes batches of any size; of one input otherwise.
    """

    out: str
    files: list[str]
    checked_on: str
    difference: float
    any_batch: bool

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        batch = "batches of any size" if self.any_batch else "one input at a time"
        lines = [f"{self.out}: the same as the model to {self.difference:.1e} on {self.checked_on}; {batch}."]
        return "\n".join([*lines, f"Files that belong together: {', '.join(self.files)}."])


def export_onnx(
    model: str | Path, out: str | Path, *, data: Sequence[str] | None = None, overwrite: bool = False, **settings: Any
) -> Exported:
    """Export a fine-tuned model; see `hf-metalr export --help`.

    Args:
        model: folder or Hub id.
        out: the ONNX file.
        data: inputs to check it on.
        overwrite: whether an earlier file may be written over.
        settings: other fields of `ModelConfig`.

    Raises:
        InputError: the model, a setting or a missing package is at fault, or the export answers otherwise.
    """
    return run(
        ExportConfig(
            ModelConfig(str(model), **settings),
            Path(out),
            data=None if data is None else tuple(data),
            overwrite=overwrite,
        )
    )


def run(config: ExportConfig) -> Exported:
    """Export, check, and only then put the files in place."""
    _check(config)
    served = load_served(config.model)
    for note in served.notes:
        logger.info("%s", note.removeprefix("warning: "))
    samples, checked_on = find_samples(served, config.data)
    network = _Logits(served.model.cpu(), list(as_batch(served, samples[:1])))
    working = Path(tempfile.mkdtemp(prefix=f".{config.out.name}-", dir=config.out.parent))
    try:
        file = working / config.out.name
        any_batch = _export(network, served, samples, file)
        difference = _difference(network, served, samples, file, any_batch)
        files = [config.out.name, *(path.name for path in working.iterdir() if path.name != config.out.name)]
        beside = f"{config.out.stem}.preprocessing.json"
        content = preprocessing(served, list(network.names), any_batch, config.out.stem)
        (working / beside).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        files.append(beside)
        if served.task.modality == "text":
            files.append(save_tokenizer(served, working / f"{config.out.stem}.{TOKENIZER}"))
        for name in reversed(files):  # the ONNX file last
            os.replace(working / name, config.out.with_name(name))
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return Exported(str(config.out), files, checked_on, difference, any_batch)


def _check(config: ExportConfig) -> None:
    require_writable("out", config.out, (".onnx",))
    if config.out.exists() and not config.overwrite:
        raise InputError(
            "out", f"must be a new file, found '{config.out}'. Name another, or write over it by ",
            Parameter("overwrite"), ".",
        )  # fmt: skip
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(
            "format", f"onnx needs {', '.join(missing)}, not installed here: `pip install 'hf-metalr[onnx]'`."
        )


class _Logits(nn.Module):
    """A model that takes its inputs by position and returns its logits alone."""

    def __init__(self, model: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.model, self.names = model, tuple(names)

    def forward(self, *inputs: Tensor) -> Tensor:
        logits: Tensor = self.model(**dict(zip(self.names, inputs, strict=True)), return_dict=True).logits
        return logits


def _export(network: _Logits, served: Served, samples: Sequence[Any], file: Path) -> bool:
    """Write the file; return whether it takes batches of any size."""
    text = served.task.modality == "text"
    own = {0: "batch", 1: "tokens"} if text else {0: "batch"}
    shapes = (tuple(dict.fromkeys(own, torch.export.Dim.DYNAMIC) for _ in network.names),)
    # A size of 1 would be taken for a constant, and so would equal sizes of two axes.
    batch = _tensors(network, served, [samples[number % len(samples)] for number in range(3)])
    single = _tensors(network, served, samples[:1])
    try:
        _write(network, batch, file, shapes)
    except Exception as error:  # noqa: BLE001  # the exporter raises anything, and a fixed batch may still do
        logger.info("no export for batches of any size (%s): trying one input at a time", first_line(error)[:120])
    else:
        return True
    try:
        fixed = (tuple({1: torch.export.Dim.DYNAMIC} for _ in network.names),) if text else None
        _write(network, single, file, fixed)
    except Exception as error:
        raise InputError(
            None,
            f"The model '{served.source}' ({type(served.model).__name__}) cannot be exported by torch.onnx "
            f"({first_line(error)[:300]}). Try another version of torch, or another model.",
        ) from error
    return False


def _write(network: _Logits, inputs: Sequence[Tensor], file: Path, shapes: Any) -> None:
    size = sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())
    with warnings.catch_warnings(), torch.no_grad(), _quiet():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            tuple(inputs),
            str(file),
            dynamo=True,
            input_names=list(network.names),
            output_names=[OUTPUT],
            dynamic_shapes=shapes,
            external_data=size > _MOST_BYTES,
            verbose=False,
        )


def _difference(network: _Logits, served: Served, samples: Sequence[Any], file: Path, any_batch: bool) -> float:
    """Return the largest difference between the export and the model, in batches of other sizes than it was made with.

    Raises:
        InputError: it is beyond the tolerance.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    worst = 0.0
    size = max(1, len(samples) - 1) if any_batch else 1
    for start in range(0, len(samples), size):
        tensors = _tensors(network, served, samples[start : start + size])
        with torch.no_grad():
            expected = network(*tensors).numpy()
        if not np.isfinite(expected).all():
            raise InputError(None, f"The model '{served.source}' answers with NaN or infinity. Look at its weights.")
        feed = {name: tensor.numpy() for name, tensor in zip(network.names, tensors, strict=True)}
        (found,) = session.run([OUTPUT], feed)
        if found.shape != expected.shape or not np.isfinite(found).all():
            raise InputError(
                None, f"The export of '{served.source}' answers otherwise than the model: nothing is written."
            )
        scale = max(1.0, float(np.abs(expected).max()))
        worst = max(worst, float(np.abs(found - expected).max()) / scale)
    if worst > TOLERANCE:
        raise InputError(
            None,
            f"The export of '{served.source}' answers otherwise than the model, by {worst:.1e}, where {TOLERANCE:.0e} "
            "is allowed: nothing is written. Try another version of torch or onnxruntime.",
        )
    return worst


def _tensors(network: _Logits, served: Served, samples: Sequence[Any]) -> list[Tensor]:
    batch = as_batch(served, samples)
    return [batch[name].cpu().contiguous() for name in network.names]


@contextmanager
def _quiet() -> Any:
    """Silence what torch's exporter logs of its own passes."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
