"""From data to batches that a fine-tuned model is called with: inputs of its own processor, labels in its own order."""

import logging
from collections.abc import Sequence
from typing import Any

import torch

from hf_metalr.data.account import USED
from hf_metalr.data.config import DataConfig
from hf_metalr.data.inputs.prepare import TextPreparation, prepare_for
from hf_metalr.data.labels.targets import in_model_order
from hf_metalr.data.read import read_data
from hf_metalr.errors import InputError
from hf_metalr.loading import first_line, read_config, unloaded_model

logger = logging.getLogger(__name__)


def model_batches(
    config: DataConfig, models: Sequence[str], batch_size: int, trust_remote_code: bool
) -> list[dict[str, Any]]:
    """Return the samples as batches of tensors with labels, prepared for the first of the models.

    Args:
        config: of the data.
        models: folders or Hub ids; the first gives configuration and label order, the first that has one the processor.
        batch_size: samples per batch; the last may be smaller.
        trust_remote_code: whether code of a Hub model may run.

    Raises:
        InputError: no model has a processor for this kind of input, an image cannot be decoded, or the classes of the
            data are not those of the model.
    """
    data = read_data(config)
    data, rows = data.drawn(range(len(data)))
    data, rows = data.readable(rows)
    logger.info("%s", data.account({USED: rows}))
    model = read_config(models[0], trust_remote_code)
    processor = _first_processor(models, data.task.modality, trust_remote_code)
    prepare = prepare_for(processor, unloaded_model(model, trust_remote_code))
    if isinstance(prepare, TextPreparation):
        prepare.count_cut(*data.inputs(rows))
    labels = in_model_order(data.targets, model.id2label)
    batches = []
    for start in range(0, len(rows), batch_size):
        part = rows[start : start + batch_size]
        targets = torch.tensor([labels[row] for row in part])
        batches.append(dict(prepare.batch(*data.inputs(part))) | {"labels": targets})
    return batches


def _first_processor(models: Sequence[str], modality: str, trust_remote_code: bool) -> Any:
    from transformers import AutoImageProcessor, AutoTokenizer

    kind, auto = ("image processor", AutoImageProcessor) if modality == "image" else ("tokenizer", AutoTokenizer)
    for model in models:
        try:
            return auto.from_pretrained(model, trust_remote_code=trust_remote_code)
        except (OSError, ValueError) as error:
            reason = error
    raise InputError(
        None,
        f"{' and '.join(repr(model) for model in models)} must have a{'n' * (modality == 'image')} {kind} to read "
        f"these data, found none. Is it a model for another kind of input? ({first_line(reason)})",
    )
