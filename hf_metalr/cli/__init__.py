"""The command line `hf-metalr`: parse, call, print, exit code. A new command is one new file in `commands/`."""

from hf_metalr.cli.program import main

__all__ = ["main"]
