"""Inputs that an export is checked on: the user's, those of the training, or, where there are none, made up."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hf_metalr.checked_json import read_object
from hf_metalr.data.config import DataConfig
from hf_metalr.data.images.decode import ImageRefused
from hf_metalr.data.unlabelled import read_inputs
from hf_metalr.errors import InputError
from hf_metalr.inference.served import Served, with_window
from hf_metalr.training.run_record import RUN_NAME

logger = logging.getLogger(__name__)
COUNT = 8
_TRIED = 100
_RUN_BYTES = 2**20


def find_samples(served: Served, data: Sequence[str] | None) -> tuple[list[Any], str]:
    """Return prepared inputs, and what they are in words.

    Raises:
        InputError: the user's data hold no input that can be read.
    """
    if data is not None:
        return _of_data(served, DataConfig(tuple(data)))
    config = _of_training(served.source)
    if config is not None:
        try:
            return _of_data(served, config)
        except (InputError, OSError) as error:
            logger.info("the data of the training are not read: %s", error)
    logger.warning("no inputs are at hand: the export is checked on made-up ones. Name some with --data")
    return [served.prepare(*one) for one in _made_up(served)], f"{COUNT} made-up {served.task.modality}s"


def _of_data(served: Served, config: DataConfig) -> tuple[list[Any], str]:
    config, _ = with_window(served, config)
    inputs, samples = read_inputs(config, served.task.modality), []
    for row in range(min(len(inputs), _TRIED)):
        try:
            samples.append(served.prepare(*inputs.read(row)))
        except ImageRefused as reason:
            logger.info("not used for the check, %s: %s", inputs.names[row], reason)
        if len(samples) == COUNT:
            break
    if not samples:
        raise InputError("data", f"has no input that can be read: '{' '.join(config.data)}'.")
    return samples, f"{len(samples)} {served.task.modality}s of {' '.join(config.data)}"


def _of_training(source: str) -> DataConfig | None:
    """Return where `run.json` says that the data of the training were, if something is there."""
    path = Path(source) / RUN_NAME
    if not path.is_file():
        return None
    options = read_object(path, _RUN_BYTES, "record of a run").get("options") or {}
    data, column = options.get("data") or [], options.get("input_column")
    if not data or not all(Path(str(one)).expanduser().exists() for one in data):
        return None
    return DataConfig(tuple(map(str, data)), input_column=None if column is None else tuple(column))


def _made_up(served: Served) -> list[tuple[Any, ...]]:
    generator = np.random.default_rng(0)
    if served.task.modality == "text":
        tokenizer: Any = served.prepare.tokenizer  # type: ignore[union-attr]  # of texts
        numbers = [generator.integers(len(tokenizer), size=3 + 2 * place).tolist() for place in range(COUNT)]
        return [(tokenizer.decode(one, skip_special_tokens=True) or "a",) for one in numbers]
    from PIL import Image

    return [(Image.fromarray(generator.integers(256, size=(96, 128, 3), dtype=np.uint8)),) for _ in range(COUNT)]
