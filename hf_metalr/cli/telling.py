"""What the package tells while it works, on standard error: its log, plain, and warnings of one line."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from hf_metalr.processes import process_index

LOGGER = "hf_metalr"


class _Told(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Write the message; a warning is called one."""
        if process_index() == 0:
            prefix = "warning: " if record.levelno >= logging.WARNING else ""
            print(f"{prefix}{record.getMessage()}", file=sys.stderr)


@contextmanager
def telling() -> Iterator[None]:
    """Show, on the main process, what the package logs and what anyone warns of."""
    logger, handler = logging.getLogger(LOGGER), _Told()
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning  # type: ignore[assignment]  # it needs the message only
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


def _show_warning(message: Warning | str, *_: object) -> None:
    if process_index() == 0:
        print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)
