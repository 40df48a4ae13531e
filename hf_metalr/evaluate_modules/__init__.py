"""The scores of `hf_metalr.scores` as `evaluate` modules, loaded from the package without network."""

from pathlib import Path

from hf_metalr.evaluate_modules.feature_score import SCORES, FeatureScore

PATH = str(Path(__file__).with_name("feature_score.py"))
"""What `evaluate.load` takes: `evaluate.load(PATH, "log_maximum_evidence")`. The second word is one of `SCORES`."""

__all__ = ["PATH", "SCORES", "FeatureScore"]
