"""`hf-metalr env`: what a bug report should say about the machine."""

import argparse
import json

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
    from hf_metalr.environment import describe_environment, environment_lines

    found = describe_environment()
    return json.dumps(found, indent=2, ensure_ascii=False) if options.json else environment_lines(found)


COMMAND = Command("versions and devices, for bug reports", DESCRIPTION, EXAMPLES, add_options, run)
