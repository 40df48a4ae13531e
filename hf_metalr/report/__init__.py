"""One run as one HTML page that opens from disk: no network, no library, no matplotlib."""

from hf_metalr.report.page import build_report
from hf_metalr.report.run import Run, read_run

__all__ = ["Run", "build_report", "read_run"]
