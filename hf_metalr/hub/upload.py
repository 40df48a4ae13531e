"""Upload a folder to the Hub without what is nobody else's business."""

from collections.abc import Callable, Sequence
from pathlib import Path

from huggingface_hub import CommitInfo, upload_folder

from hf_metalr.hub.adapter_config import shareable_adapter_config
from hf_metalr.hub.upload_errors import one_clear_error

# What stays at home. The first two are Trainer's own rule.
PRIVATE_FILES = (
    "_*",
    "checkpoint-*",
    "training_args.bin",  # a pickle, with the local paths of the run
    "trainer_state.json",  # holds the local path of the best checkpoint
    "splits.json",  # names files, which may name patients
    "run.json",  # names the folders of model and data
    "runs/*",  # event files of TensorBoard, named after the machine
    "*.tmp",
    ".*",
    "*/.*",
)
# Of a checkpoint that is uploaded to be resumed elsewhere: its state is wanted, the arguments are given anew.
# PEFT's card of it names the base model by its local path.
STATE_FILES = ("_*", "training_args.bin", "*.tmp", ".*", "README.md")


def upload(
    folder: Path,
    repo_id: str,
    message: str,
    token: str | None,
    revision: str | None,
    path_in_repo: str | None = None,
    private_files: Sequence[str] = PRIVATE_FILES,
    base_model: str | None = None,
    way_out: Callable[[], str] = str,
) -> CommitInfo:
    """Upload a folder but for private files, in one commit; where nothing has changed, in none.

    Args:
        folder: what to upload.
        repo_id: an existing repository.
        message: of the commit.
        token: that may write; by default the one that is logged in.
        revision: the branch; by default the main one.
        path_in_repo: folder of the repository; by default its root.
        private_files: patterns of what stays at home.
        base_model: Hub id of an adapter's base model, where its file names a local path.
        way_out: gives what to do where it fails, for the end of the message.

    Raises:
        UploadError: the Hub cannot be reached or refuses. What it had before is as it was: a commit is all or nothing.
    """
    with one_clear_error(repo_id, way_out), shareable_adapter_config(folder, base_model):
        return upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            commit_message=message,
            token=token,
            revision=revision,
            path_in_repo=path_in_repo,
            ignore_patterns=list(private_files),
        )
