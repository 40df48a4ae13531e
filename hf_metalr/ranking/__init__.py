"""Ranking backbones for a data set, without fine-tuning: which model shall I take?"""

from hf_metalr.ranking.rank import rank_backbones
from hf_metalr.ranking.result import RankedBackbone, Ranking, Score

__all__ = ["RankedBackbone", "Ranking", "Score", "rank_backbones"]
