"""Whose fault an error is: the user's (one line, exit code 1) or ours (a traceback)."""

import argparse

from hf_metalr.errors import InputError


def is_users_fault(error: BaseException) -> bool:
    """Return whether an error concerns what the user gave rather than how this package works.

    That is an `InputError`, which is raised where the rule is known; an `OSError` (no such file or model, no
    permission, no network, a full disk); and a missing third-party package. Anything else is a bug.

    >>> is_users_fault(InputError("label_column", "'x' does not exist.")), is_users_fault(FileNotFoundError("x.csv"))
    (True, True)
    >>> is_users_fault(ValueError("too many values to unpack"))
    False
    """
    if isinstance(error, ImportError):
        return not (error.name or "").startswith("hf_metalr")
    return isinstance(error, InputError | OSError)


def spelt_for(parser: argparse.ArgumentParser, error: BaseException) -> str:
    """Return the message of an error in one line, with parameters as the options of a command.

    >>> parser = argparse.ArgumentParser()
    >>> _ = parser.add_argument("--label-column")
    >>> spelt_for(parser, InputError("label_column", "'x' does not exist."))
    "--label-column 'x' does not exist."
    """
    options = {action.dest: action.option_strings[0] for action in parser._actions if action.option_strings}

    def spell(name: str) -> str:
        return options.get(name, f"`{name}`")

    text = error.spelt(spell) if isinstance(error, InputError) else str(error)
    return " ".join(text.split()) or type(error).__name__
