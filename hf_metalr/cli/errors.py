"""Whose fault an error is: the user's (one line, exit code 1) or ours (a traceback)."""

import linecache
import os

# A ValueError that these raise was worded for the user; one out of torch, NumPy or a built-in is a bug of the caller's.
SPEAKS_TO_USERS = {"hf_metalr", "transformers", "datasets", "huggingface_hub"}


class UserError(Exception):
    """The user's data, model or option is at fault. The message names it, the rule, what was found and the way out."""


def is_users_fault(error: BaseException) -> bool:
    """Return whether an error concerns what the user gave rather than how this package works.

    That is a `UserError`; an `OSError` (no such file or model, no permission, no network, a full disk); a missing
    third-party package; and a `ValueError` that a library which words its errors for users has raised by statement.

    >>> is_users_fault(UserError("no such column")), is_users_fault(FileNotFoundError("x.csv"))
    (True, True)
    >>> is_users_fault(AttributeError("'NoneType' object has no attribute 'shape'"))
    False
    """
    if isinstance(error, ImportError):
        return not (error.name or "").startswith("hf_metalr")
    if isinstance(error, UserError | OSError):
        return True
    return isinstance(error, ValueError) and _is_worded(error)


def in_one_line(error: BaseException) -> str:
    r"""Return the message of an error without its line breaks.

    >>> in_one_line(ValueError("no label\n  in row 3"))
    'no label in row 3'
    """
    return " ".join(str(error).split()) or type(error).__name__


def process_index() -> int:
    """Return the number of this process in a distributed launch, 0 without one; the main process has number 0."""
    return int(os.environ.get("RANK", "0"))


def is_first_here() -> bool:
    """Return whether this is the first process of a distributed launch on its machine, or the only one."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def _is_worded(error: ValueError) -> bool:
    """Return whether a `raise` of a library that speaks to users threw an error, rather than a call inside it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    line = linecache.getline(trace.tb_frame.f_code.co_filename, trace.tb_lineno).strip()
    package = str(trace.tb_frame.f_globals.get("__name__", "")).split(".")[0]
    return package in SPEAKS_TO_USERS and line.startswith("raise ")
