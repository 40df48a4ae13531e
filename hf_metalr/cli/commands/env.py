"""`hf-metalr env`: what a bug report should say about the machine."""

import argparse
import json
from typing import Any

from hf_metalr.cli.command import Command

DESCRIPTION = """\
Print versions, devices and number types, to be pasted into a bug report.

Nothing in it names a person: no path, no token, no user, no machine.
"""
EXAMPLES = """\
  for a bug report
    hf-metalr env

  for a program
    hf-metalr env --json
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(options: argparse.Namespace) -> str:
    """Return the description of the environment."""
    from hf_metalr.environment import describe_environment

    found = describe_environment()
    return json.dumps(found, indent=2, ensure_ascii=False) if options.json else _lines(found)


def _lines(found: dict[str, Any]) -> str:
    rows = {name: number or "not installed" for name, number in found["packages"].items()}
    rows |= {"python": found["python"], "system": found["system"]}
    for device in found["devices"]:
        works = [dtype for dtype, multiplies in device["dtypes"].items() if multiplies]
        rows[device["device"]] = f"{device['name']}; besides float32: {', '.join(works) or 'nothing'}"
    rows |= found["variables"]
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


COMMAND = Command(
    summary="versions and devices, for bug reports",
    description=DESCRIPTION,
    examples=EXAMPLES,
    add_options=add_options,
    run=run,
)
