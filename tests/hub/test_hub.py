"""Pushing to a Hub of our own and loading from it: `*cases.py`, in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.patience import HANGS

ROOT = Path(__file__).resolve().parents[2]


def test_the_cases_against_a_loopback_hub() -> None:
    # Unlike this process, which was told to be offline before huggingface_hub was imported.
    cases = ["tests/hub/cases.py", "tests/hub/failure_cases.py", "tests/hub/command_line_cases.py"]
    command = [sys.executable, "-m", "pytest", *cases, "-q", "-p", "no:cacheprovider"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_METALR_HUB_CASES": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=HANGS, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout  # not: nothing was collected
