"""Keeps `cases.py` out of every process but its own: importing it, as doctests do, would put that process online."""

import os

collect_ignore = [] if "HF_METALR_HUB_CASES" in os.environ else ["cases.py"]
