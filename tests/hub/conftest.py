"""Keeps the cases out of every process but their own: importing them, as doctests do, would put that process online."""

import os

if "HF_METALR_HUB_CASES" in os.environ:
    from tests.hub.loopback import _closed_port, _fresh_hub, folder  # noqa: F401  # fixtures
else:
    collect_ignore = ["cases.py", "command_line_cases.py", "failure_cases.py", "loopback.py"]
