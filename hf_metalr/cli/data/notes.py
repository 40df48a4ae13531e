"""What is told beside the result."""

import sys

from hf_metalr.cli.errors import process_index


def note(text: str) -> None:
    """Tell the user something on standard error, once for all processes."""
    if process_index() == 0:
        print(text, file=sys.stderr)
