"""Logits of any number of inputs, batch by batch; the next batch is decoded while the model works on this one."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hf_metalr.data.images.decode import ImageRefused
from hf_metalr.data.inputs.prepare import ImagePreparation, TextPreparation, require_padding
from hf_metalr.inference.served import Served

logger = logging.getLogger(__name__)
NOT_FINITE = "the model's answer is no number (NaN or infinity)"


@dataclass(frozen=True)
class Answer:
    """What became of one row.

    Attributes:
        row: its number.
        logits: (outputs,), or (classes, height, width) of a segmentation, float32 on the CPU; None without an answer.
        reason: why there is none; empty otherwise.
        size: (height, width) of the decoded image; None of a text.
        is_full: whether a text has as many tokens as the model takes, so that the rest of it may have been cut.
        labels: class map, (height, width) as the model sees the image, where `read` gives one beside it.
    """

    row: int
    logits: Tensor | None
    reason: str = ""
    size: tuple[int, int] | None = None
    labels: Tensor | None = None
    is_full: bool = False


def stream_answers(
    served: Served, read: Callable[[int], tuple[Any, ...]], rows: Sequence[int], batch_size: int
) -> Iterator[list[Answer]]:
    """Yield the answers of rows, batch by batch, in order. No more than two batches of inputs are in memory.

    Args:
        served: the model.
        read: returns the decoded input of a row, and perhaps the class map of its image, or raises `ImageRefused`.
        rows: numbers of the rows.
        batch_size: inputs per forward pass.
    """
    # Tokenizers of Rust change their settings in every call, and refuse ("Already borrowed") two at once.
    with ThreadPoolExecutor(None if isinstance(served.prepare, ImagePreparation) else 1) as pool:

        def begin(start: int) -> list[Future[Any]]:
            return [pool.submit(_prepared, served, read, row) for row in rows[start : start + batch_size]]

        waiting = begin(0)
        for start in range(0, len(rows), batch_size):
            current, waiting = waiting, begin(start + batch_size)
            yield _answers(served, rows[start : start + batch_size], [future.result() for future in current])


def _prepared(served: Served, read: Callable[[int], tuple[Any, ...]], row: int) -> Any:
    """Return the model's inputs of a row and the size of its image, or why there are none."""
    try:
        inputs = read(row)
    except ImageRefused as reason:
        return reason
    size = (inputs[0].height, inputs[0].width) if isinstance(served.prepare, ImagePreparation) else None
    return served.prepare(*inputs), size


def _answers(served: Served, rows: Sequence[int], prepared: Sequence[Any]) -> list[Answer]:
    found: dict[int, Answer] = {}
    alike: dict[Any, list[int]] = {}
    for place, sample in enumerate(prepared):
        if isinstance(sample, ImageRefused):
            found[place] = Answer(rows[place], None, str(sample))
        else:  # processors that do not resize give images of several sizes, which make no one batch
            shapes = tuple(getattr(value, "shape", None) for value in sample[0].values())
            alike.setdefault(shapes, []).append(place)
    for places in alike.values():
        logits = forward(served, [prepared[place][0] for place in places])
        for place, own in zip(places, logits, strict=True):
            sound, (sample, size) = bool(torch.isfinite(own).all()), prepared[place]
            reason = "" if sound else NOT_FINITE
            found[place] = Answer(
                rows[place], own if sound else None, reason, size, sample.get("labels"), is_full(served, sample)
            )
    return [found[place] for place in range(len(prepared))]


@torch.inference_mode()
def forward(served: Served, samples: Sequence[Any]) -> Tensor:
    """Return the logits of samples that `served.prepare` made, float32 on the CPU."""
    batch = as_batch(served, samples)
    place = next(served.model.parameters()).device
    output = served.model(**{name: value.to(place) for name, value in batch.items() if name != "labels"}).logits
    logits: Tensor = (output[0] if isinstance(output, tuple) else output).float().cpu()
    return logits


def is_full(served: Served, sample: Any) -> bool:
    """Return whether a text has as many tokens as the model takes."""
    return isinstance(served.prepare, TextPreparation) and len(sample["input_ids"]) >= served.prepare.longest


def tell_full(served: Served, count: int) -> None:
    """Say how many texts may have been cut, where there are any."""
    if count and isinstance(served.prepare, TextPreparation):
        logger.info(
            "%d texts fill the %d tokens that the model takes: what is beyond is cut", count, served.prepare.longest
        )


def as_batch(served: Served, samples: Sequence[Any]) -> dict[str, Tensor]:
    """Return samples as one batch: images stacked, texts padded."""
    if isinstance(served.prepare, ImagePreparation):
        return {name: torch.stack([torch.as_tensor(s[name]) for s in samples]) for name in samples[0]}
    require_padding(served.prepare.tokenizer)
    return dict(served.prepare.tokenizer.pad(list(samples), return_tensors="pt"))
