"""What a command is, and where the commands come from."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules


@dataclass(frozen=True)
class Command:
    """One command of `hf-metalr`: the `COMMAND` of a module in `hf_metalr/cli/commands/`, named as the module.

    Modules of commands import argparse and this package's own light modules only; what is heavy (torch, Transformers)
    is imported inside `run`, so that every `--help` answers at once.

    Attributes:
        summary: one line, shown in the list of commands.
        description: what the command does and when to use it.
        examples: command lines with a word on each, shown below the options.
        add_options: adds the command's options to its parser.
        run: does the work and returns what standard output shall show. It runs in every process of a distributed
            launch; only the main one's text is printed.
    """

    summary: str
    description: str
    examples: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], str]


def find_commands() -> dict[str, Command]:
    """Return every command by its name, in alphabetical order.

    >>> sorted(find_commands()) == list(find_commands())
    True
    """
    package = import_module("hf_metalr.cli.commands")
    names = sorted(module.name for module in iter_modules(package.__path__))
    return {name: import_module(f"{package.__name__}.{name}").COMMAND for name in names}
