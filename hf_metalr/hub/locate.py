"""Find learned rates: in a file, a folder, or a repository of the Hub."""

import re
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from hf_metalr.errors import InputError
from hf_metalr.hub.learned_rates import LEARNED_RATES_NAME, MOST_BYTES

_NAME = r"[A-Za-z0-9][\w.-]*"
_HUB_ID = re.compile(f"{_NAME}/{_NAME}")


def is_hub_id(source: str) -> bool:
    """Return whether a text that is no existing path reads as ``user/model``.

    >>> is_hub_id("google/vit-base-patch16-224"), is_hub_id("/home/me/model"), is_hub_id("runs/rates.json")
    (True, False, False)
    """
    return _HUB_ID.fullmatch(source) is not None and not source.endswith(".json") and not Path(source).exists()


def is_model_id(name: str) -> bool:
    """Return whether a name that is no existing path reads as a model of the Hub, an old one without a user included.

    >>> is_model_id("google/vit-base-patch16-224"), is_model_id("bert-base-uncased"), is_model_id("/home/me/model")
    (True, True, False)
    """
    return re.fullmatch(rf"({_NAME}/)?{_NAME}", name) is not None and not Path(name).exists()


def locate(source: str, token: str | None = None) -> Path:
    """Return the file that ``init_lrs`` means: a file itself, or the `metalr.json` of a folder or Hub repository.

    The Hub's file is downloaded into the usual cache; with HF_HUB_OFFLINE, or without a network, a cached one is used.

    Args:
        source: path of a file or folder, or ``user/model``.
        token: of the Hub, for a private model; by default the one that is logged in.

    Raises:
        InputError: there is no such file, or the Hub's cannot be had.
    """
    if Path(source).is_dir():
        if not (Path(source) / LEARNED_RATES_NAME).is_file():
            raise InputError(
                "init_lrs",
                f"{source!r} is a folder without {LEARNED_RATES_NAME}, which `MetaLRTrainer` writes when it "
                "has trained. Give the output_dir of such a run, or the file itself.",
            )
        return Path(source) / LEARNED_RATES_NAME
    return _download(source, token) if is_hub_id(source) else Path(source)


def _download(repo_id: str, token: str | None) -> Path:
    try:
        found = hf_hub_download(repo_id, LEARNED_RATES_NAME, token=token, dry_run=True)
        if found.file_size is not None and found.file_size > MOST_BYTES:  # None: cached, and read with a bound
            raise InputError(
                "init_lrs",
                f"{repo_id!r}: its {LEARNED_RATES_NAME} must have at most {MOST_BYTES} bytes, found "
                f"{found.file_size}. It is not what this package writes; use another model.",
            )
        return Path(hf_hub_download(repo_id, LEARNED_RATES_NAME, token=token))
    except RepositoryNotFoundError as error:
        raise InputError(
            "init_lrs",
            f"{repo_id!r} is neither a local path nor a model of the Hub that you may read. Correct its name, "
            "or log in with `hf auth login` if it is private.",
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise InputError(
            "init_lrs",
            f"{repo_id!r}: the Hub cannot be reached and {LEARNED_RATES_NAME} is not in the cache. Go online "
            "once, or give the path of a copy.",
        ) from error
    except EntryNotFoundError as error:
        raise InputError(
            "init_lrs",
            f"{repo_id!r} has no {LEARNED_RATES_NAME}: it was not pushed by `MetaLRTrainer`. Use a model "
            "that was (tag `metalr`).",
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise InputError("init_lrs", f"{repo_id!r}: the Hub refused {LEARNED_RATES_NAME} (status {status}).") from error
