"""Which rows are evaluated, on which thresholds may be chosen, and whether the model has seen them before."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hf_metalr.data.account import USED
from hf_metalr.data.config import DataConfig
from hf_metalr.data.read import Data, read_data
from hf_metalr.data.splits.given_splits import given_splits
from hf_metalr.data.splits.split_names import split_of
from hf_metalr.data.splits.splits import TEST, TRAIN, VALIDATION
from hf_metalr.errors import InputError
from hf_metalr.evaluation.config import EvaluationConfig
from hf_metalr.inference.served import Served
from hf_metalr.training.start import SPLITS_NAME

logger = logging.getLogger(__name__)
# Of errors of the reader that say that there are no labels.
_UNLABELLED = ("must name the column with the labels", "must hold a sub-folder of images", "no label in")


@dataclass(frozen=True)
class Chosen:
    """Rows of some data.

    Attributes:
        data: all of them.
        rows: that are used.
        name: of their split; "used" where nothing is divided.
    """

    data: Data
    rows: list[int]
    name: str

    @property
    def files(self) -> list[str]:
        """Return the file of every used row, or what the row is called."""
        files = self.data.table.files()
        return [files[row] or self.data.table.name(row) for row in self.rows]

    @property
    def groups(self) -> list[Any] | None:
        """Return the group of every used row; None where the user names none."""
        return None if self.data.groups is None else [self.data.groups[row] for row in self.rows]


def choose_rows(config: EvaluationConfig, served: Served, data: DataConfig) -> tuple[Chosen, Chosen | None]:
    """Read the data; return the rows to evaluate, and those of validation where there are some.

    Evaluated is the split that is named; else `test`; else, of the very data that the model was trained on, the test
    (or validation) split of its `splits.json`; else everything.

    Args:
        config: what the user said.
        served: the model.
        data: what he said of the data, with the window of the model.

    Raises:
        InputError: no labels, no such split, or as of `read_data`.
    """
    found = _read(data, config, served)
    splits = given_splits(found.table, config.split_column)
    recorded = _recorded(found, served.source) if set(splits) == {None} else None
    splits = splits if recorded is None else recorded
    names = {name for name in splits if name is not None}
    if data.split is not None and split_of(data.split) not in names:  # a split of another name, or none at all
        found, splits, names = _read(data, config, served, several=False), [], set()
    elif data.split is None:
        _require_plain_splits(found, names)
    chosen = _name(data.split, names, of_training=recorded is not None)
    rows = [row for row, name in enumerate(splits) if name == chosen] if chosen else list(range(len(found)))
    if chosen:
        others = ", ".join(sorted(names - {chosen}))
        where = f" by {SPLITS_NAME} of the model" if recorded is not None else ""
        logger.info("evaluated: the split %s%s%s", chosen, where, f" (there are also {others})" if others else "")
    if chosen == TRAIN:
        logger.warning("these rows are called train: a model is flattered by what it has been trained on")
    evaluated = _used(found, rows, chosen or USED)
    _warn_of_training(evaluated, served.source, trained_here=recorded is not None)
    validation = _validation(config, served, data, found, splits, chosen)
    return evaluated, validation


def _read(data: DataConfig, config: EvaluationConfig, served: Served, *, several: bool = True) -> Data:
    wanted = replace(data, split=None) if several else data
    try:
        return read_data(
            wanted, several_splits=several, split_column=config.split_column if several else None, task=served.task.name
        )
    except InputError as error:
        if data.label_column is None and any(words in str(error) for words in _UNLABELLED):
            way_out = " Without labels nothing can be measured: `hf-metalr predict` needs none."
            raise InputError(error.parameter, *error.words, way_out) from error
        raise


def _name(wanted: str | None, names: set[str], *, of_training: bool) -> str | None:
    if wanted is not None and names:
        return split_of(wanted)
    if TEST in names:
        return TEST
    if of_training and VALIDATION in names:
        return VALIDATION
    if names and len(names) == 1:
        return next(iter(names))
    if names:
        raise InputError(
            "split", f"must name the split to evaluate: there is no test, only {', '.join(sorted(names))}."
        )
    return None


def _require_plain_splits(data: Data, names: set[str]) -> None:
    """Refuse to take the training split because the others have names that say nothing.

    Raises:
        InputError: there are such splits, and no test.
    """
    strange = [entry.reason for entry in data.table.rows.left_out if "is none to train" in entry.reason]
    if strange and TEST not in names:
        raise InputError("split", f"must name the split to evaluate: {'; '.join(strange)}, and there is no test.")


def _used(data: Data, rows: Sequence[int], name: str) -> Chosen:
    data, kept = data.drawn(rows)
    data, kept = data.readable(kept)
    logger.info("%s", data.account({name: kept}))
    return Chosen(data, kept, name)


def _validation(
    config: EvaluationConfig,
    served: Served,
    data: DataConfig,
    found: Data,
    splits: Sequence[str | None],
    chosen: str | None,
) -> Chosen | None:
    if config.validation is not None:
        other = replace(data, data=config.validation, split=None, max_samples=None)
        read = _read(other, config, served)
        names = given_splits(read.table, config.split_column)
        rows = [row for row, name in enumerate(names) if name == VALIDATION] or list(range(len(read)))
        return _used(read, rows, VALIDATION)
    rows = [row for row, name in enumerate(splits) if name == VALIDATION]
    if served.task.name not in ("classification", "multi-label") or not rows or chosen == VALIDATION:
        return None
    kept = found.readable(rows)[1]
    return Chosen(found, kept, VALIDATION)


def _record(source: str) -> dict[str, Any]:
    """Return what `splits.json` of a training says; nothing where there is none."""
    path = Path(source) / SPLITS_NAME
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return content if isinstance(content, dict) and isinstance(content.get("splits"), dict) else {}


def _recorded(data: Data, source: str) -> list[str | None] | None:
    """Return the split of every row by the record of the training, if these are the very data of it."""
    record = _record(source)
    here = [Path(name).expanduser().resolve() for name in data.config.data]
    there = [Path(str(record.get("source", ""))).expanduser().resolve()]
    if not record or here != there:
        return None
    files = data.table.files()
    keys = [(row, file) for (_, row), file in zip(data.table.origins, files, strict=True)]
    known = {(row.get("row"), row.get("file")): name for name, rows in record["splits"].items() for row in rows}
    if not set(known) <= set(keys):
        logger.warning("the data have changed since the model was trained on them: its %s does not fit", SPLITS_NAME)
        return None
    splits = [known.get(key) for key in keys]
    if lost := splits.count(None):
        logger.info("%d rows are in no split of %s: not evaluated", lost, SPLITS_NAME)
    return splits


def _warn_of_training(chosen: Chosen, source: str, *, trained_here: bool) -> None:
    """Warn where files have the names of files that the model was trained on."""
    if trained_here:
        return
    trained = {row.get("file") for row in _record(source).get("splits", {}).get(TRAIN, [])} - {None}
    files = set(chosen.files)
    shared = files & trained
    if 2 * len(shared) > len(files):
        logger.warning(
            "%d of %d files have the names of files that the model was trained on, such as '%s': if they are the same, "
            "the scores flatter",
            len(shared),
            len(files),
            min(shared),
        )
