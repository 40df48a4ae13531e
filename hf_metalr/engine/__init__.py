"""The meta-learning engine: torch only, usable in any training loop."""

from hf_metalr.engine.config import MetaLRConfig
from hf_metalr.engine.engine import MetaLR
from hf_metalr.engine.meta_step import MetaStep
from hf_metalr.engine.unstated import UNSTATED

__all__ = ["UNSTATED", "MetaLR", "MetaLRConfig", "MetaStep"]
