"""`run.json`: what a run was asked for, compared with what it is asked for when it is to go on.

    {"schema": "hf_metalr/run", "version": 1,
     "options": {"model": "google/vit-base-patch16-224", "learning_rate": 0.001, "set": {"warmup_steps": 50}, …},
     "resumed": [[{"option": "epochs", "before": 3, "now": 5}], …]}

``options`` are those of the first start; every resume adds the list of what was accepted to differ, often an empty one.
"""

import logging
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from hf_metalr.checked_json import read_object, require_schema, write_object
from hf_metalr.errors import InputError, Parameter

logger = logging.getLogger(__name__)

RUN_NAME = "run.json"
SCHEMA, VERSION = "hf_metalr/run", 1
_MOST_BYTES = 2**20  # names of files that somebody gave by the thousand
# They shape neither the training nor its data: where a result goes and what it is called.
NOT_RECORDED = frozenset(
    {
        "command",
        "config",
        "data_name",
        "json",
        "no_duplicate_search",
        "output_dir",
        "overwrite",
        "private",
        "push_to_hub",
        "resume",
    }
    | {"trust_remote_code"}
)
# Fields of `TrainingArguments` of the same kind.
_OF_NO_WEIGHT = frozenset(
    {"dataloader_num_workers", "dataloader_persistent_workers", "dataloader_pin_memory", "dataloader_prefetch_factor"}
    | {"disable_tqdm", "log_level", "logging_dir", "logging_first_step", "logging_steps", "logging_strategy"}
    | {"per_device_eval_batch_size", "project", "report_to", "run_name", "save_total_limit", "trackio_space_id"}
)
# They may differ, which is told: more epochs, or fewer (a schedule over all of them takes its new course from here on),
# and another place of the same data, which the splits' own record guards.
ACCEPTED = ("data", "epochs")


@dataclass(frozen=True)
class Change:
    """An option that differs. key: which part of it, of one that is a mapping. before, now: plain JSON values."""

    option: str
    before: Any
    now: Any
    key: str | None = None

    def words(self) -> str:
        """Return what differs, without the option's name.

        >>> Change("set", None, 50, "warmup_steps").words()
        'warmup_steps was not given, now 50'
        """
        return f"{self.key or ''} was {_shown(self.before)}, now {_shown(self.now)}".lstrip()


def keep(folder: Path, options: Mapping[str, Any], changes: Sequence[Change] = ()) -> None:
    """Write the record at the start of a run; the main process alone.

    A record that is there is of the run that goes on: it is kept, with the changes beside it. A run that starts anew
    in a folder has to remove it first (`forget`).

    Args:
        folder: of the run.
        options: by the names of the parameters, defaults included.
        changes: what `compare` has accepted.
    """
    path = folder / RUN_NAME
    if path.is_file():
        content = _read(path)
        content["resumed"].append([asdict(change) for change in changes])
    else:
        content = {"schema": SCHEMA, "version": VERSION, "options": _recorded(options), "resumed": []}
    write_object(content, path)


def forget(folder: Path) -> None:
    """Remove the record of a run that is not gone on with."""
    (folder / RUN_NAME).unlink(missing_ok=True)


def compare(folder: Path, options: Mapping[str, Any], accepted: Collection[str] = ACCEPTED) -> list[Change]:
    """Return what differs from the run that is to go on, and tell it.

    Options that only one side knows are of another version of the package, and are passed over.

    Args:
        folder: of the run; without a record nothing can be compared, which is told.
        options: as of `keep`.
        accepted: options that may differ.

    Raises:
        InputError: `resume`, naming every other option that differs, before and now.
        InputError: the record is damaged.
    """
    path = folder / RUN_NAME
    if not path.is_file():
        logger.warning(f"'{folder}' has no {RUN_NAME}: whether the options are those it began with cannot be told")
        return []
    changes = _changes(_latest(_read(path)), _recorded(options))
    refused = [change for change in changes if change.option not in accepted]
    if refused:
        raise InputError(
            "resume",
            f"must have the options that the run in '{folder}' has had so far ({RUN_NAME}): ",
            *(word for change in refused for word in (Parameter(change.option), f" {change.words()}; ")),
            "give what was given then, or start anew in another ",
            Parameter("output_dir"),
            ".",
        )
    for change in changes:
        logger.warning(f"resumed with another {change.option.replace('_', ' ')}: {change.words()}")
    return changes


def _recorded(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in options.items() if name not in NOT_RECORDED}


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    changes = []
    for option in before.keys() & now.keys():
        old, new = before[option], now[option]
        if {type(old), type(new)} in ({dict}, {dict, type(None)}):
            old, new = old or {}, new or {}
            keys = [*old, *(key for key in new if key not in old)]
            changes += [
                Change(option, old.get(key), new.get(key), key) for key in keys if not _same(old.get(key), new.get(key))
            ]
        elif not _same(old, new):
            changes.append(Change(option, old, new))
    order = list(before)
    return sorted(changes, key=lambda change: order.index(change.option))


def _latest(content: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the last start had them."""
    options = dict(content["options"])
    for change in (change for changes in content["resumed"] for change in changes):
        option, key = change["option"], change.get("key")
        if key is None:
            options[option] = change["now"]
        else:
            options[option] = (options[option] or {}) | {key: change["now"]}
    return options


def _read(path: Path) -> dict[str, Any]:
    content = read_object(path, _MOST_BYTES, "record of a run")
    require_schema(content, SCHEMA, VERSION, str(path), "Start anew in another folder.")
    options, resumed = content.get("options"), content.get("resumed")
    sound = isinstance(options, dict) and isinstance(resumed, list) and all(map(_are_changes, resumed))
    if not sound:
        raise InputError(
            None, f"{path} must hold the options of a run and its resumes. The file was edited or damaged."
        )
    return content


def _are_changes(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(change, dict) and change.keys() == {"option", "before", "now", "key"} for change in value
    )


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items() if key not in _OF_NO_WEIGHT}
    if isinstance(value, list | tuple | set | frozenset):
        entries = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [_plain(entry) for entry in entries]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _same(before: Any, now: Any) -> bool:
    return bool(before == now) and isinstance(before, bool) == isinstance(now, bool)  # True == 1


def _shown(value: Any) -> str:
    return "not given" if value is None else repr(value) if isinstance(value, str) else str(value)
