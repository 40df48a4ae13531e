"""From rows to batches that a model is called with: inputs from its own processor, labels in its own order."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from hf_metalr.cli.data.options import Data
from hf_metalr.cli.errors import UserError
from hf_metalr.eight_bits import require_eight_bits
from hf_metalr.loading import first_line

# What Transformers calls the classes of a model that was not told their names.
_UNNAMED = re.compile(r"LABEL_\d+|\d+")


def model_batches(data: Data, models: Sequence[str], batch_size: int, trust_remote_code: bool) -> list[dict[str, Any]]:
    """Return all samples as batches of tensors with labels, prepared for the first of the models.

    Args:
        data: images or texts with labels.
        models: folders or Hub ids; the first gives configuration and label order, the first that has one the processor.
        batch_size: samples per batch; the last may be smaller.
        trust_remote_code: whether code of a Hub model may run.

    Raises:
        UserError: no model has a processor for this kind of input, an image cannot be decoded, or the classes of the
            data are not those of the model.
    """
    import torch
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(models[0], trust_remote_code=trust_remote_code)
    prepare = _preparation(data, models, config, trust_remote_code)
    labels = labels_in_model_order(data, config.id2label)
    batches = []
    for start, rows in _read_rows(data, batch_size):
        inputs = dict(prepare(*(list(column) for column in zip(*rows, strict=True))))
        batches.append(inputs | {"labels": torch.tensor(labels[start : start + len(rows)])})
    return batches


def labels_in_model_order(data: Data, id2label: dict[int, str]) -> list[Any]:
    """Return the label of every sample as the model numbers them: by the names of the classes where both have names.

    Raises:
        UserError: the data have a class that the model does not know.
    """
    values = list(data.dataset[data.label_column])
    names = getattr(data.dataset.features[data.label_column], "names", None)
    numbers = {name: number for number, name in id2label.items()}
    if names is not None and set(names) <= set(numbers):
        return [numbers[names[value]] for value in values]
    if names is not None and not all(_UNNAMED.fullmatch(name) for name in numbers):
        strange = ", ".join(name for name in names if name not in numbers)
        raise UserError(
            f"--label-column '{data.label_column}' has classes that the model does not know: {strange}. It knows "
            f"{', '.join(numbers)}. Name them alike in the data."
        )
    if all(isinstance(value, int) for value in values) and not 0 <= min(values) <= max(values) < len(numbers):
        raise UserError(
            f"--label-column '{data.label_column}' has the labels {min(values)} to {max(values)}, but the model has "
            f"{len(numbers)} classes, numbered from 0. Is it the model that was fine-tuned on these data?"
        )
    return values


def _preparation(data: Data, models: Sequence[str], config: Any, trust_remote_code: bool) -> Any:
    """Return the function from a list of images or texts, or two of texts, to the model's inputs."""
    from datasets import Image
    from transformers import AutoImageProcessor, AutoTokenizer

    is_image = isinstance(data.dataset.features[data.input_columns[0]], Image)
    kind, auto = ("image processor", AutoImageProcessor) if is_image else ("tokenizer", AutoTokenizer)
    processor = _first_that_loads(auto, models, kind, trust_remote_code)
    if not is_image:
        return lambda *texts: processor(*texts, padding=True, truncation=True, return_tensors="pt")
    mode = "L" if getattr(config, "num_channels", 3) == 1 else "RGB"

    def process(images: list[Any]) -> Any:
        for image in images:
            require_eight_bits(image)
        return processor([image.convert(mode) for image in images], return_tensors="pt")

    return process


def _first_that_loads(auto: Any, models: Sequence[str], kind: str, trust_remote_code: bool) -> Any:
    for model in models:
        try:
            return auto.from_pretrained(model, trust_remote_code=trust_remote_code)
        except (OSError, ValueError) as error:
            reason = error
    raise UserError(
        f"{' and '.join(repr(model) for model in models)} must have a{'n' if kind[0] == 'i' else ''} {kind} to read "
        f"these data, found none. Is it a model for another kind of input? ({first_line(reason)})"
    )


def _read_rows(data: Data, batch_size: int) -> Iterator[tuple[int, list[tuple[Any, ...]]]]:
    """Yield the inputs batch by batch with the number of their first row; a damaged one is named by its row."""
    table = data.dataset.select_columns(data.input_columns)
    for start in range(0, len(table), batch_size):
        rows = []
        for row in range(start, min(start + batch_size, len(table))):
            try:
                cells = table[row]
                rows.append(tuple(cells[name] for name in data.input_columns))
            except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises on damaged files
                raise UserError(
                    f"--input-column '{data.input_columns[0]}' cannot be decoded in row {data.row_of(row)}: {error}. "
                    "Remove it."
                ) from error
        yield start, rows
