"""The stock callbacks stay the stock classes; ours join them when training begins."""

import re
from pathlib import Path

import pytest
from transformers import DefaultFlowCallback, TrainerCallback
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from hf_metalr.engine.history import HISTORY_NAME, read_history
from tests.trainer.tiny import make_plain_trainer, make_trainer


@pytest.mark.parametrize(("disable_tqdm", "stock"), [(True, PrinterCallback), (False, ProgressCallback)])
def test_stock_callbacks_are_found_by_class(tmp_path: Path, disable_tqdm: bool, stock: type) -> None:
    # catches: a subclass in their place, which `pop_callback` by class does not find
    trainer = make_trainer(tmp_path, disable_tqdm=disable_tqdm)
    kinds = [type(callback) for callback in trainer.callback_handler.callbacks]
    assert kinds[0] is DefaultFlowCallback
    assert kinds.count(stock) == 1
    popped = trainer.pop_callback(stock)
    assert type(popped) is stock
    assert stock not in [type(callback) for callback in trainer.callback_handler.callbacks]


@pytest.mark.parametrize("disable_tqdm", [True, False])
def test_the_console_shows_one_range_and_the_history_every_rate(tmp_path: Path, capfd, disable_tqdm: bool) -> None:
    trainer = make_trainer(tmp_path, lr_update="log_adam", disable_tqdm=disable_tqdm)
    trainer.train()
    told = "".join(capfd.readouterr())
    assert "layer_lrs" in told
    assert "lr/" not in told
    assert sum("lr/head" in row for row in trainer.state.log_history) == 3


def test_a_folder_without_checkpoint_is_refused_in_the_words_of_transformers(tmp_path: Path) -> None:
    words = re.escape(f"No valid checkpoint found in output directory ({tmp_path})")
    with pytest.raises(ValueError, match=f"^{words}$"):
        make_trainer(tmp_path).train(resume_from_checkpoint=True)


def test_before_training_the_callbacks_are_those_of_trainer(tmp_path: Path) -> None:
    # catches: callbacks of ours in a list that code compares with the one it asked for
    class Own(TrainerCallback):
        pass

    kinds = []
    for make, folder in ((make_plain_trainer, "plain"), (make_trainer, "metalr")):
        trainer = make(tmp_path / folder, callbacks=[Own])
        kinds.append([type(callback) for callback in trainer.callback_handler.callbacks])
    assert kinds[0] == kinds[1]


def test_ours_join_once_however_often_it_trains(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path)
    before = len(trainer.callback_handler.callbacks)
    trainer.train()
    assert len(trainer.callback_handler.callbacks) == before + 2
    trainer.train()
    assert len(trainer.callback_handler.callbacks) == before + 2
    assert len(read_history(tmp_path / HISTORY_NAME)) == 6
