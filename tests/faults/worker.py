"""A training run that dies in a chosen way; a fork server imports the libraries once for all of them."""

import json
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback
from transformers.trainer_jit_checkpoint import JITCheckpointCallback

from hf_metalr import MetaLRTrainer
from hf_metalr.trainer.recovery import last_complete_checkpoint
from tests.trainer.tiny import Images, make_trainer

STEPS = 12
SAVE_STEPS = 4


class At(TrainerCallback):
    """Does something at the end of one optimizer step."""

    def __init__(self, step: int, act: Callable[[], Any]) -> None:
        self.step, self.act = step, act

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            self.act()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def build(folder: str, estimator: str, **settings: Any) -> MetaLRTrainer:
    saving = {"save_strategy": "steps", "save_steps": SAVE_STEPS, "max_steps": STEPS, "save_total_limit": 2}
    return make_trainer(
        folder,
        train=Images(36),
        meta_estimator=estimator,
        lr_update="log_adam",
        trust_region=True,
        **(saving | settings),
    )


def run(folder: str, estimator: str, death: str | None) -> None:
    """Train to the end, from the last complete checkpoint if there is one; write the weights and rates at the end."""
    torch.set_num_threads(1)
    trainer = build(
        folder, estimator, **({"enable_jit_checkpoint": True} if (death or "").startswith("sigterm") else {})
    )
    arm(trainer, death)
    output = Path(folder)
    resume = output.is_dir() and last_complete_checkpoint(output) is not None
    trainer.train(resume_from_checkpoint=True if resume else None)
    torch.save(trainer.model.state_dict(), output / "final.pt")
    (output / "final.json").write_text(json.dumps(trainer.learning_rates))


def arm(trainer: MetaLRTrainer, death: str | None) -> None:
    """Prepare the way in which the run will end."""
    kind, _, when = (death or "none").partition("@")
    step = int(when or 0)
    if kind == "kill":
        trainer.add_callback(At(step, die))
    elif kind == "kill-in-meta-step":
        _before(trainer, "_meta_loss", lambda: die() if trainer.state.global_step == step else None)
    elif kind == "kill-before-optimizer-file":
        _before(trainer, "_save_optimizer_and_scheduler", lambda: die() if trainer.state.global_step == step else None)
    elif kind == "kill-in-optimizer-file":
        _before(trainer, "_save_rng_state", lambda: _cut_and_die(trainer, step, "optimizer.pt"))
    elif kind == "kill-in-state-file":
        trainer.add_callback(_OnSave(lambda: _cut_and_die(trainer, step, "trainer_state.json")))
    elif kind == "disk-full":
        trainer.add_callback(
            At(step, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY)))
        )
    elif kind == "meta-data-raise":
        trainer.add_callback(At(step, lambda: _before(trainer, "_meta_loss", _raise)))
    elif kind == "sigterm":
        trainer.add_callback(At(step, lambda: _be_asked_to_end(trainer)))


class _OnSave(TrainerCallback):
    def __init__(self, act: Callable[[], Any]) -> None:
        self.act = act

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.act()


def _before(trainer: Any, method: str, act: Callable[[], Any]) -> None:
    original = getattr(trainer, method)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        act()
        return original(*args, **kwargs)

    setattr(trainer, method, wrapped)
    if method == "_meta_loss" and trainer.metalr is not None:
        trainer.metalr.meta_loss = wrapped


def _cut_and_die(trainer: Any, step: int, name: str) -> None:
    if trainer.state.global_step == step:
        file = Path(trainer.args.output_dir) / f"checkpoint-{step}" / name
        with file.open("r+b") as content:
            content.truncate(file.stat().st_size // 2)
        die()


def _be_asked_to_end(trainer: Any) -> None:
    """Send the signal and wait until the grace period of Transformers, 3 s, is over, however long it takes here."""
    (manager,) = (
        callback.jit_manager
        for callback in trainer.callback_handler.callbacks
        if isinstance(callback, JITCheckpointCallback)
    )
    os.kill(os.getpid(), signal.SIGTERM)
    while not manager.is_checkpoint_requested:
        time.sleep(0.02)


def _raise() -> None:
    raise OSError("the meta data cannot be read")
