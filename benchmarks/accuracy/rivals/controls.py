"""Is it the layers, is it the schedule, or only the scale? Learned rates, used again as constants."""

import math
import random
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from transformers import Trainer

from benchmarks.accuracy.rivals.layer_rates import train_at_rates
from benchmarks.accuracy.task import Task, make_trainer
from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments
from hf_metalr.engine.history import HISTORY_NAME, read_history


def replay(task: Task) -> Trainer:
    """Learn rates in a first run; train anew with each layer group's geometric mean over that run as a constant."""
    return train_at_rates(task, mean_learned_rates(task))


def replay_shuffled(task: Task) -> Trainer:
    """As `replay`, with the rates dealt out to the layer groups at random (from the seed)."""
    rates = mean_learned_rates(task)
    dealt = list(rates.values())
    random.Random(task.cell.seed).shuffle(dealt)
    return train_at_rates(task, dict(zip(rates, dealt, strict=True)))


def replay_mean(task: Task) -> Trainer:
    """As `replay`, with the geometric mean over the layer groups as the one rate of all."""
    rates = mean_learned_rates(task)
    return train_at_rates(task, dict.fromkeys(rates, _geometric_mean(list(rates.values()))))


def mean_learned_rates(task: Task) -> dict[str, float]:
    """Train a copy with learned rates (the cell's settings), and return their geometric means over the steps."""
    with TemporaryDirectory() as folder:
        learner = replace(task, network=deepcopy(task.network), folder=folder)
        trainer = make_trainer(learner, dict(task.cell.settings), MetaLRTrainer, MetaLRTrainingArguments)
        trainer.train()
        rows = read_history(Path(folder) / HISTORY_NAME)
    return {name: _geometric_mean([row["base_lr"][name] for row in rows]) for name in rows[0]["base_lr"]}


def _geometric_mean(values: list[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))
