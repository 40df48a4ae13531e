"""What a run is made of: written where it starts, and made sure to be the same where it goes on."""

import json
import logging
from pathlib import Path
from typing import Any

from transformers import TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from hf_metalr.errors import InputError, Parameter
from hf_metalr.processes import process_index
from hf_metalr.trainer import MetaLRTrainer
from hf_metalr.trainer.recovery import last_complete_checkpoint
from hf_metalr.training.config import TrainingConfig
from hf_metalr.training.output_folder import remove_checkpoints
from hf_metalr.training.run_record import compare, forget, keep
from hf_metalr.training.study import Study

logger = logging.getLogger(__name__)

SPLITS_NAME = "splits.json"


def begin(config: TrainingConfig, study: Study, trainer: MetaLRTrainer) -> None:
    """Write what the run is made of, or make sure that it still is what a resumed run began with."""
    folder = config.output_dir
    if config.push_to_hub is not None:
        trainer.init_hf_repo()  # a wrong token is told before the training
    goes_on = config.resume and folder.is_dir() and last_complete_checkpoint(folder, trainer.args.world_size)
    if config.resume and not goes_on:
        logger.info("no whole checkpoint in '%s' to resume from yet, so the training starts anew", folder)
    options = config.to_dict()
    changes = compare(folder, options) if goes_on else []
    if goes_on and config.epochs is not None and any(change.option == "epochs" for change in changes):
        _require_more_to_do(Path(goes_on), config.epochs)
    if process_index() == 0:
        folder.mkdir(parents=True, exist_ok=True)
        if not goes_on:
            forget(folder)
            if config.overwrite:
                remove_checkpoints(folder)
        _keep_splits(folder, _splits_record(config, study), config.resume)
        keep(folder, options, changes)


def _require_more_to_do(checkpoint: Path, epochs: float) -> None:
    """Refuse fewer epochs than a run has behind it: it would end without having been trained as it says."""
    done = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME)).epoch
    if done is not None and done >= epochs:
        raise InputError(
            "epochs",
            f"must be more than the {done:g} that the run to resume has behind it ({checkpoint.name}), found "
            f"{epochs:g}. Give more, or start anew in another folder.",
        )


def _splits_record(config: TrainingConfig, study: Study) -> dict[str, Any]:
    """Return which row is in which split, so that a run can be repeated elsewhere, and what was left out."""
    table = study.data.table
    files = table.files()
    return {
        "schema": "hf-metalr-splits/2",
        "seed": config.split_seed,
        "shares": {"validation": config.validation_size, "test": config.test_size},
        **study.data.account(study.splits).to_dict(),
        "duplicates": None if study.duplicates is None else study.duplicates.to_dict(),
        "splits": {
            name: [
                {"row": table.origins[row][1]}
                | ({"from": table.origins[row][0]} if table.origins[row][0] else {})
                | ({"file": files[row]} if files[row] else {})
                for row in rows
            ]
            for name, rows in study.splits.items()
        },
    }


def _keep_splits(folder: Path, record: dict[str, Any], resume: bool) -> None:
    """Write the record, or, where a run goes on, make sure that it is still the same.

    Raises:
        InputError: the splits differ from those that the run began with.
    """
    path = folder / SPLITS_NAME
    if resume and path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        if before.get("splits") != record["splits"]:
            raise InputError(
                "resume",
                f"needs the splits that the run in '{folder}' began with, but {SPLITS_NAME} differs: the data or the "
                "options of the splits have changed, and test images could have been trained on. Give the same data "
                "and ",
                Parameter("split_seed"),
                ", or start anew in another ",
                Parameter("output_dir"),
                ".",
            )
        return
    path.write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")
