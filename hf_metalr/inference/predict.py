"""`predict`: what a fine-tuned model says of inputs without labels, one row per input, however many they are."""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hf_metalr.data.config import DataConfig
from hf_metalr.data.unlabelled import Inputs, read_inputs
from hf_metalr.errors import InputError, Parameter
from hf_metalr.inference.config import ModelConfig, PredictionConfig
from hf_metalr.inference.journal import REASON, SUFFIXES, Journal, glob_escaped
from hf_metalr.inference.masks import MaskWriter
from hf_metalr.inference.rows import FILE, header, row_of
from hf_metalr.inference.served import Served, chosen_temperature, load_served, with_window
from hf_metalr.inference.stream import NOT_FINITE, Answer, stream_answers, tell_full
from hf_metalr.outputs import require_writable
from hf_metalr.processes import process_index

logger = logging.getLogger(__name__)
SHOWN = 5  # rows that could not be read, in the summary
_TOLD_EVERY = 1000  # rows


@dataclass(frozen=True)
class Predicted:
    """What a prediction came to; printed, it says where everything is.

    Attributes:
        out: the table.
        rows: how many it has.
        left_out: file and reason of every input that is not in it.
        left_out_file: the same as a table; None where there are none.
        masks: folder of the masks of a segmentation.
    """

    out: str
    rows: int
    left_out: list[dict[str, str]]
    left_out_file: str | None = None
    masks: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"{self.rows} predictions are in {self.out}."]
        if self.masks is not None:
            lines.append(f"The masks are in {self.masks}.")
        if self.left_out:
            shown = [f"  {row[FILE]}: {row[REASON]}" for row in self.left_out[:SHOWN]]
            more = ["  …"] * (len(self.left_out) > SHOWN)
            lines += [f"Left out: {len(self.left_out)}, all listed in {self.left_out_file}:", *shown, *more]
        return "\n".join(lines)


def predict(
    model: str | Path,
    data: str | Path | Sequence[str | Path],
    *,
    calibrated: bool = False,
    masks: str | Path | None = None,
    task: str | None = None,
    batch_size: int = 32,
    trust_remote_code: bool = False,
    **settings: Any,
) -> Iterator[dict[str, Any]]:
    """Yield one row per input: file, prediction, and the probability of each class.

    Rows come in the order of the data, as they are computed: `pandas.DataFrame(hf_metalr.predict(model, data))`.
    An input that cannot be read ends it, or, with `skip_damaged=True`, is told and passed over.

    Args:
        model: folder or Hub id of a fine-tuned model.
        data: a folder of images, image files, tables, or a data set of the Hub, as `hf-metalr predict --data`.
        calibrated: divide the logits by the temperature in the model's configuration.
        masks: folder to write the masks of a segmentation into.
        task: what the model does; None takes it from its configuration.
        batch_size: inputs per forward pass.
        trust_remote_code: whether code of a Hub model may run.
        settings: other fields of `hf_metalr.data.config.DataConfig`, such as `input_column=("premise", "hypothesis")`.

    Raises:
        InputError: the model, the data or an input is at fault.
    """
    sources = (data,) if isinstance(data, str | Path) else tuple(data)
    served, inputs = _opened(
        ModelConfig(str(model), task=task, batch_size=batch_size, trust_remote_code=trust_remote_code),
        DataConfig(tuple(map(str, sources)), **settings),
    )
    temperature = chosen_temperature(served, calibrated)
    writer = _mask_writer(served, inputs, None if masks is None else Path(masks), None)
    full = 0
    for answers in stream_answers(served, inputs.read, range(len(inputs)), batch_size):
        for answer in answers:
            full += answer.is_full
            row = _row(served, inputs, answer, temperature, writer)
            if REASON not in row:
                yield {name: value for name, value in row.items() if name != "row"}
            else:
                _require_skipping(inputs, row, answer)
                logger.warning("left out, %s: %s", row[FILE], row[REASON])
    tell_full(served, full)


def predict_table(config: PredictionConfig) -> Predicted:
    """Predict and write a table, in every process of a launch its share; what is decided for the user is logged.

    Raises:
        InputError: the model, the data, an input or an option is at fault. Of an interrupted call what was done stays,
            to be gone on with; the table appears whole or not at all.
    """
    _check(config)
    served, inputs = _opened(config.model, config.data)
    temperature = chosen_temperature(served, config.calibrated)
    writer = _mask_writer(served, inputs, config.masks or config.out.with_name(f"{config.out.stem}_masks"), config)
    state = _state()
    if config.overwrite and not config.resume and process_index() == 0:
        for path in config.out.parent.glob(f".{glob_escaped(config.out.name)}.partial-*.jsonl"):
            path.unlink()
    state.wait_for_everyone()
    journal = Journal(config.out, _head(served, inputs, config), resume=config.resume, process=state.process_index)
    done = journal.done()
    if done:
        logger.info("%d of %d rows were done before", len(done), len(inputs))
    rows = [row for row in range(state.process_index, len(inputs), state.num_processes) if row not in done]
    state.wait_for_everyone()  # all have seen what was done before anyone adds to it
    told = full = 0
    try:
        for answers in stream_answers(served, inputs.read, rows, config.model.batch_size):
            found = [_row(served, inputs, answer, temperature, writer) for answer in answers]
            sound = [row for row in found if REASON not in row or inputs.config.skip_damaged]
            if sound:
                journal.write(sound)
            for row, answer in zip(found, answers, strict=True):
                if REASON in row:
                    _require_skipping(inputs, row, answer, resumable=True)
            told += len(found)
            full += sum(answer.is_full for answer in answers)
            if told // _TOLD_EVERY > (told - len(found)) // _TOLD_EVERY:
                logger.info("%d of %d", told + len(done), len(inputs))
    finally:
        journal.close()
    tell_full(served, full)
    state.wait_for_everyone()
    masks = None if writer is None else str(writer.folder)
    if process_index() != 0:
        return Predicted(str(config.out), len(inputs), [], None, masks)
    count, left_out, beside = journal.finish(header(served.task, served.names), len(inputs))
    lost = [{FILE: row[FILE], REASON: row[REASON]} for row in left_out]
    return Predicted(str(config.out), count, lost, None if beside is None else str(beside), masks)


def _opened(model: ModelConfig, data: DataConfig) -> tuple[Served, Inputs]:
    served = load_served(model)
    data, notes = with_window(served, data)
    for note in (*served.notes, *notes):
        warns = note.startswith("warning: ")
        logger.log(logging.WARNING if warns else logging.INFO, "%s", note.removeprefix("warning: "))
    return served, read_inputs(data, served.task.modality)


def _state() -> Any:
    import torch
    from accelerate import PartialState

    return PartialState(cpu=not torch.accelerator.is_available())


def _check(config: PredictionConfig) -> None:
    require_writable("out", config.out, SUFFIXES)
    if config.resume and config.overwrite:
        raise InputError("overwrite", "starts anew, and ", Parameter("resume"), " goes on: choose one of the two.")
    if config.out.exists() and not (config.overwrite or config.resume):
        raise InputError(
            "out", f"must be a new file, found '{config.out}'. Name another, or write over it by ",
            Parameter("overwrite"), ".",
        )  # fmt: skip


def _mask_writer(
    served: Served, inputs: Inputs, folder: Path | None, config: PredictionConfig | None
) -> MaskWriter | None:
    if served.task.name != "segmentation":
        if config is not None and config.masks is not None:
            raise InputError(
                "masks", f"are of a segmentation, but '{served.source}' does {served.task.name}. Leave it out."
            )
        return None
    writer = MaskWriter(served, folder, inputs.names, None if config is None else config.out.parent)
    for note in writer.notes:
        logger.info("%s", note)
    return writer


def _row(
    served: Served, inputs: Inputs, answer: Answer, temperature: float, writer: MaskWriter | None
) -> dict[str, Any]:
    name = inputs.names[answer.row]
    if answer.logits is None:
        return {"row": answer.row, FILE: name, REASON: answer.reason}
    if writer is not None:
        return {"row": answer.row} | writer.row_of(answer)
    return {"row": answer.row} | row_of(served.task, served.names, name, answer.logits, temperature)


def _require_skipping(inputs: Inputs, row: Mapping[str, Any], answer: Answer, *, resumable: bool = False) -> None:
    if inputs.config.skip_damaged:
        return
    rest = (". What was done stays: go on with ", Parameter("resume"), ".") if resumable else (".",)
    if answer.reason == NOT_FINITE:
        raise InputError(
            None,
            f"'{row[FILE]}': {answer.reason}. Did its training diverge? Look at its weights, or leave such inputs out "
            "with ", Parameter("skip_damaged"), *rest,
        )  # fmt: skip
    raise InputError(
        "data",
        f"has an input that cannot be read, '{row[FILE]}': {row[REASON]}. Mend or remove it, or leave such out with ",
        Parameter("skip_damaged"),
        *rest,
    )


def _head(served: Served, inputs: Inputs, config: PredictionConfig) -> dict[str, Any]:
    """Return what must be the same when a call goes on with another: the weights and the names of all rows count."""
    weights = hashlib.sha256()
    for name, tensor in served.model.state_dict().items():
        weights.update(f"{name} {tuple(tensor.shape)} {tensor.double().sum().item()!r}".encode())
    rows = hashlib.sha256("\n".join(inputs.names).encode("utf-8", "surrogateescape"))
    return {
        "schema": "hf_metalr/prediction",
        "version": 1,
        "model": weights.hexdigest(),
        "task": served.task.name,
        "rows": rows.hexdigest(),
        "calibrated": config.calibrated,
        "window": None if inputs.config.window is None else str(inputs.config.window),
    }
