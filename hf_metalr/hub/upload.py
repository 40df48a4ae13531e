"""Upload a folder to the Hub without what is nobody else's business, and with one clear error where it fails."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import CommitInfo, upload_folder
from huggingface_hub.errors import HfHubHTTPError

# What stays at home. The first two are Trainer's own rule.
PRIVATE_FILES = (
    "_*",
    "checkpoint-*",
    "training_args.bin",  # a pickle, with the local paths of the run
    "trainer_state.json",  # holds the local path of the best checkpoint
    "splits.json",  # names files, which may name patients
    "runs/*",  # event files of TensorBoard, named after the machine
    "*.tmp",
    ".*",
    "*/.*",
)
# Of a checkpoint that is uploaded to be resumed elsewhere: its state is wanted, the arguments are given anew.
STATE_FILES = ("_*", "training_args.bin", "*.tmp", ".*")
_ADVICE = {
    401: "the token was refused. Log in with `hf auth login`, or give one that may write as hub_token",
    403: "the token may not write there. Give one with write permission, or another hub_model_id",
    404: "there is no such repository or branch for this token. Correct its name or log in with `hf auth login`",
}


class UploadError(OSError):
    """The Hub could not be written. The message says where, why, and what to do; the cause is the library's error."""


def upload(
    folder: Path,
    repo_id: str,
    message: str,
    token: str | None,
    revision: str | None,
    in_background: bool,
    path_in_repo: str | None = None,
    private_files: Sequence[str] = PRIVATE_FILES,
) -> "CommitInfo | Future[CommitInfo]":
    """Upload a folder but for private files, in one commit; where nothing has changed, in none.

    Args:
        folder: what to upload.
        repo_id: an existing repository.
        message: of the commit.
        token: that may write; by default the one that is logged in.
        revision: the branch; by default the main one.
        in_background: return at once, with a future.
        path_in_repo: folder of the repository; by default its root.
        private_files: patterns of what stays at home.

    Raises:
        UploadError: the Hub cannot be reached or refuses. What it had before is as it was: a commit is all or nothing.
    """
    with one_clear_error(repo_id):
        return upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            commit_message=message,
            token=token,
            revision=revision,
            path_in_repo=path_in_repo,
            ignore_patterns=list(private_files),
            run_as_future=in_background,  # type: ignore[call-overload]  # the overloads want a literal
        )


@contextmanager
def one_clear_error(repo_id: str) -> Iterator[None]:
    """Raise an `UploadError` for whatever the libraries raise while a repository is written.

    A `ValueError` passes: there a name or an argument is at fault, in the library's own words.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, ValueError) and not isinstance(error, HfHubHTTPError):
            raise
        raise UploadError(_explanation(repo_id, error)) from error


def _explanation(repo_id: str, error: BaseException) -> str:
    cause = error
    while not isinstance(cause, HfHubHTTPError):
        if cause.__cause__ is None:
            words = " ".join(str(cause).split())[:200] or type(cause).__name__
            return (
                f"push_to_hub to {repo_id!r} was interrupted ({words}). Nothing was committed; call it again, files "
                "that arrived whole are not sent twice."
            )
        cause = cause.__cause__
    status = cause.response.status_code
    advice = _ADVICE.get(status, "try again later")
    return f"push_to_hub to {repo_id!r}: the Hub answered {status}: {advice}."
