"""What to say where an upload fails: one message, with where, why, what is safe and what to do."""

import os
import shlex
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

_ADVICE = {
    401: "the token was refused. Log in with `hf auth login`, or give one that may write as hub_token",
    403: "the token may not write there. Give one with write permission, or another hub_model_id",
    404: "there is no such repository or branch for this token. Correct its name or log in with `hf auth login`",
}
# The client raises errors of an HTTP library that depends on its version; those that no request went out with are:
_UNREACHED = ("ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol")


class UploadError(OSError):
    """The Hub could not be written. The message says where, why, and what to do; the cause is the library's error."""


@contextmanager
def one_clear_error(repo_id: str, way_out: Callable[[], str] = str) -> Iterator[None]:
    """Raise an `UploadError` for whatever the libraries raise while a repository is written.

    A `ValueError` passes: there a name or an argument is at fault, in the library's own words.

    Args:
        repo_id: of the repository.
        way_out: gives further sentences for the end of the message; by default none.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, ValueError) and not isinstance(error, HfHubHTTPError):
            raise
        text = str(error) if isinstance(error, UploadError) else _explanation(repo_id, error)
        raise UploadError(f"{text} {way_out()}".rstrip()) from error


def push_command(
    folder: Path, repo_id: str, private_files: Sequence[str], private: bool = False, revision: str | None = None
) -> str:
    """Return the command line that uploads a folder as it is now, but for private files.

    Args:
        folder: what to upload.
        repo_id: the repository; it is made where there is none.
        private_files: patterns of what stays at home; the command names those that match a file.
        private: whether a new repository is private.
        revision: the branch; by default the main one.
    """
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    kept = [pattern for pattern in private_files if any(fnmatch(file, pattern) for file in files)]
    words = ["hf", "upload", repo_id, str(folder), "."]
    words += [*(["--private"] if private else []), *(["--revision", revision] if revision else [])]
    words += [word for pattern in kept for word in ("--exclude", pattern)]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _explanation(repo_id: str, error: BaseException) -> str:
    causes = list(_causes(error))
    place = f"push_to_hub to {repo_id!r}"
    for cause in causes:
        if isinstance(cause, HfHubHTTPError):
            status = cause.response.status_code
            return f"{place}: the Hub answered {status}: {_ADVICE.get(status, 'try again later')}."
    words = " ".join(str(causes[-1]).split())[:200] or type(causes[-1]).__name__
    if any(isinstance(cause, OfflineModeIsEnabled) for cause in causes):
        return f"{place}: cannot reach the Hub at {constants.ENDPOINT}: HF_HUB_OFFLINE is set."
    if any(isinstance(cause, socket.gaierror) or type(cause).__name__ in _UNREACHED for cause in causes):
        return f"{place}: cannot reach the Hub at {constants.ENDPOINT} ({words}). Nothing was sent."
    return f"{place} was interrupted ({words}). Nothing was committed; files that arrived whole are not sent twice."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
