"""How far probabilities may be believed: reliability, expected calibration error, Brier score, and a temperature.

Sources: Guo et al. 2017 (ECE, temperature); Brier 1950.
"""

import json
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from hf_metalr.evaluation.answers import Answers
from hf_metalr.training.models import TEMPERATURE_FIELD

logger = logging.getLogger(__name__)

BINS = 10
MOST_TEMPERATURE = 20.0  # beyond it, or below its inverse, probabilities say no more than the class


def calibration(answers: Answers) -> dict[str, Any]:
    """Return ECE, Brier score and the points of the reliability diagram of a classification or of several labels.

    Of one class per row the probability of the answer is compared with how often it is right; of several labels each
    label's probability with how often the row has it.
    """
    found = answers.probabilities
    if answers.task.name == "classification":
        sure, right = found.max(axis=1), answers.answers == answers.truth
        brier = brier_score_loss(answers.truth, found, labels=list(range(found.shape[1])), scale_by_half=False)
    else:
        sure, right = found.ravel(), answers.truth.ravel() == 1
        brier = brier_score_loss(right, sure, labels=[False, True])
    share, mean = calibration_curve(right, sure, n_bins=BINS, strategy="uniform")
    counts = np.histogram(sure, bins=np.linspace(0, 1, BINS + 1))[0]
    counts = counts[counts > 0]
    return {
        "ece": float(np.abs(share - mean) @ counts / counts.sum()),
        "brier": float(brier),
        "bins": [
            {"probability": float(p), "share": float(s), "count": int(n)}
            for p, s, n in zip(mean, share, counts, strict=True)
        ],
    }


def fit_temperature(answers: Answers) -> float:
    """Return the temperature T at which logits / T have the least negative log-likelihood.

    Args:
        answers: to rows that are evaluated nowhere else: the validation split.
    """
    logits, truth = torch.from_numpy(answers.logits), torch.from_numpy(answers.truth)

    def loss(log_temperature: float) -> float:
        scaled = logits / float(np.exp(log_temperature))
        if answers.task.name == "classification":
            return float(F.cross_entropy(scaled, truth))
        return float(F.binary_cross_entropy_with_logits(scaled, truth.double()))

    end = float(np.log(MOST_TEMPERATURE))
    return float(np.exp(minimize_scalar(loss, bounds=(-end, end), method="bounded").x))


def at_temperature(answers: Answers, temperature: float) -> Answers:
    """Return the answers with their logits divided by a temperature."""
    return Answers(answers.task, answers.names, answers.logits / temperature, answers.truth)


def save_temperature(folder: Path, temperature: float) -> None:
    """Write a temperature into the configuration of a model; everything else in it stays as it is."""
    path = folder / "config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content[TEMPERATURE_FIELD] = temperature
    temporary = path.with_name(f".config-{os.getpid()}.json")
    temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(temporary, path)
    logger.info("%s: %s %.4g", path, TEMPERATURE_FIELD, temperature)
