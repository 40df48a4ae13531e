"""A folder that holds a run or a model is not written over without a word."""

import logging
import os

import pytest

from hf_metalr.errors import InputError
from hf_metalr.training.output_folder import remove_checkpoints, require_free


def fill(folder, *names: str):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_new_and_empty_folders_are_free(tmp_path) -> None:
    for resume in (True, False):
        require_free(tmp_path, resume)
        require_free(tmp_path / "a" / "b", resume)


@pytest.mark.parametrize(
    "names",
    [
        ("config.json", "model.safetensors"),
        ("config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
        ("config.json", "model.safetensors.index.json"),
        ("config.json", "pytorch_model.bin"),
        ("adapter_config.json", "adapter_model.safetensors"),
        ("metrics.json",),
        ("metalr.json",),
    ],
    ids=" ".join,
)
def test_a_finished_model_is_kept(tmp_path, names: tuple[str, ...]) -> None:
    folder = fill(tmp_path / "[out]", *names)  # brackets are no pattern here
    with pytest.raises(InputError, match=r"^`output_dir` must hold no other model.*" + names[0]):
        require_free(folder, resume=False)
    with pytest.raises(InputError, match=r"^`resume` needs a checkpoint.*finished run without one.*`output_dir`"):
        require_free(folder, resume=True)
    require_free(folder, resume=False, overwrite=True)


def test_checkpoints_are_gone_on_from_and_not_written_over(tmp_path) -> None:
    folder = fill(tmp_path, "checkpoint-10/model.safetensors", "checkpoint-20/model.safetensors", "metrics.json")
    require_free(folder, resume=True)
    with pytest.raises(
        InputError,
        match=r"has checkpoints of one \(checkpoint-20\).*`resume`, choose another folder, or .* `overwrite`",
    ):
        require_free(folder, resume=False)
    require_free(folder, resume=False, overwrite=True)
    assert remove_checkpoints(folder) == ["checkpoint-10", "checkpoint-20"]
    assert [path.name for path in folder.iterdir()] == ["metrics.json"]


def test_other_files_stay_and_that_is_told(tmp_path, caplog) -> None:
    with caplog.at_level(logging.INFO):
        require_free(fill(tmp_path, "notes.txt", "plots/a.png", "config.json", "checkpoint-list.txt"), resume=False)
    assert "'checkpoint-list.txt' and 3 more stay" in caplog.text
    assert len(list(tmp_path.iterdir())) == 4


def test_a_run_that_ended_before_its_first_checkpoint_is_begun_again(tmp_path, caplog) -> None:
    folder = fill(tmp_path, "run.json", "splits.json", "metalr_history.jsonl")
    with caplog.at_level(logging.INFO):
        for resume in (True, False):
            require_free(folder, resume)
    assert not caplog.records


def test_what_is_no_folder_is_refused(tmp_path) -> None:
    file = tmp_path / "file"
    file.touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for folder, words in ((file, "is a file"), (file / "below", "is a file"), (tmp_path / "link", "is a link to noth")):
        with pytest.raises(InputError, match=f"^`output_dir` must be a folder or a new one.*{words}"):
            require_free(folder, resume=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(InputError, match=r"^`output_dir` must be writable"):
        require_free(tmp_path / "out", resume=False)
    tmp_path.chmod(0o755)


def test_a_readme_that_is_no_runs_is_not_written_over(tmp_path) -> None:
    folder = fill(tmp_path, "README.md")
    with pytest.raises(InputError, match=r"^`output_dir` must not hold a README.md that is no run's.*`overwrite`"):
        require_free(folder, resume=False)
    require_free(folder, resume=False, overwrite=True)
    require_free(fill(folder, "run.json"), resume=False)  # a run began here, and wrote it
