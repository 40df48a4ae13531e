"""Scores of features: how well a backbone suits a data set, from one forward pass and without fine-tuning.

Pure functions: tensors in, a Python float out (the two ``…_hits``: a boolean per sample, for intervals by resampling).
Each docstring says what the score cannot tell.
"""

from hf_metalr.scores.gaussian_bhattacharyya_coefficient import gaussian_bhattacharyya_coefficient
from hf_metalr.scores.h_score import h_score
from hf_metalr.scores.linear_probe import linear_probe_accuracy, linear_probe_hits
from hf_metalr.scores.log_expected_empirical_prediction import log_expected_empirical_prediction
from hf_metalr.scores.log_maximum_evidence import log_maximum_evidence
from hf_metalr.scores.nearest_neighbors import nearest_neighbor_accuracy, nearest_neighbor_hits
from hf_metalr.scores.negative_conditional_entropy import negative_conditional_entropy
from hf_metalr.scores.shrinkage_h_score import shrinkage_h_score
from hf_metalr.scores.trans_rate import trans_rate

__all__ = [
    "gaussian_bhattacharyya_coefficient",
    "h_score",
    "linear_probe_accuracy",
    "linear_probe_hits",
    "log_expected_empirical_prediction",
    "log_maximum_evidence",
    "nearest_neighbor_accuracy",
    "nearest_neighbor_hits",
    "negative_conditional_entropy",
    "shrinkage_h_score",
    "trans_rate",
]
