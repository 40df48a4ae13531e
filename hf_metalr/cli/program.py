"""The entry point: from arguments to an exit code."""

import argparse
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from importlib.metadata import version
from typing import Any, NoReturn

from hf_metalr.cli.command import Command, find_commands
from hf_metalr.cli.config_file import apply_config
from hf_metalr.cli.options import spelt_for
from hf_metalr.cli.other_names import options_of, unknown_options, with_dashes
from hf_metalr.cli.telling import telling
from hf_metalr.errors import is_users_fault
from hf_metalr.processes import end_process_group, is_first_here, let_the_first_speak, process_index

DONE, FAULT, USAGE, INTERRUPTED = 0, 1, 2, 130
EXIT_CODES = """\
exit codes:
  0    done
  1    the data, a model or an option is at fault: one line on standard error
       says what (--debug: with its traceback)
  2    the command line or its --config cannot be understood
  130  interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of `hf-metalr` and return its exit code.

    Results go to standard output, everything else to standard error. Under `accelerate launch` every process works
    and only the main one prints.

    Args:
        argv: the arguments after the program's name; those of this process by default.

    Returns:
        0 when done, 1 when the user's data, model or option is at fault, 2 when the command line or its config file
        cannot be understood, 130 when interrupted. Any other error is a bug: it is raised.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    commands = find_commands()
    parser, parsers = _build_parsers(commands)
    try:
        with nullcontext() if is_first_here() else _no_output():
            options = _parse(arguments, parser, parsers)
    except SystemExit as ended:  # argparse has printed its help or its complaint
        return ended.code if isinstance(ended.code, int) else USAGE
    try:
        with redirect_stdout(sys.stderr), telling():
            text = commands[options.command].run(options)
        if process_index() == 0:
            _print(text)
        end_process_group()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if not is_users_fault(error):
            raise
        if options.debug:
            traceback.print_exc()
        _complain(options.command, spelt_for(parsers[options.command], error))
        return FAULT
    return DONE


def _parse(
    arguments: list[str], parser: argparse.ArgumentParser, parsers: dict[str, argparse.ArgumentParser]
) -> argparse.Namespace:
    """Read the arguments; help, version and usage errors end in `SystemExit`."""
    if not arguments or arguments[0] not in parsers:
        parser.parse_args(arguments)  # help, version, or an unknown command
        parser.error(f"a command is missing, one of: {', '.join(parsers)}")
    name = arguments[0]
    chosen = parsers[name]
    rest = with_dashes(arguments[1:], options_of(chosen))
    if {"-h", "--help"} & set(rest):
        chosen.print_help()
        chosen.exit()
    if unknown := unknown_options(rest, options_of(chosen)):
        chosen.error(unknown)
    _require_lists_once(chosen, rest)
    apply_config(chosen, rest)
    # Intermixed: an optional list of models may stand before, between or after the options.
    return chosen.parse_intermixed_args(rest, argparse.Namespace(command=name))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with one line: the usage of `train` would fill the screen above it."""
        let_the_first_speak()
        self.exit(USAGE, f"{self.prog}: error: {message.rstrip('.')}. `{self.prog} --help` explains.\n")


def _require_lists_once(parser: argparse.ArgumentParser, arguments: list[str]) -> None:
    """Refuse an option for several values that is given twice: the second would silently replace the first."""
    for option in parser._actions:
        given = [word for word in arguments if word.split("=")[0] in option.option_strings]
        if option.nargs == "+" and len(given) > 1 and not isinstance(option, argparse._ExtendAction):
            parser.error(
                f"argument {given[0]}: given {len(given)} times. Give all its values after one: {given[0]} A B"
            )


def _build_parsers(commands: dict[str, Command]) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Return the parser of the program and those of its commands."""
    style: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
    parser = _Parser(
        prog="hf-metalr",
        description="Transfer learning, one learning rate per layer:\nchoose a backbone, fine-tune it, look inside.",
        epilog="`hf-metalr COMMAND --help` explains a command and gives examples.\n\n" + EXIT_CODES,
        **style,
    )
    parser.add_argument("--version", action="version", version=f"hf-metalr {version('hf-metalr')}")
    subparsers = parser.add_subparsers(metavar="COMMAND", title="commands")
    parsers: dict[str, argparse.ArgumentParser] = {}
    for name, command in commands.items():
        epilog = f"examples:\n{command.examples.rstrip()}\n\n{EXIT_CODES}"
        parsers[name] = subparsers.add_parser(
            name, help=command.summary, description=command.description, epilog=epilog, **style
        )
        command.add_options(parsers[name])
        _add_common_options(parsers[name])
    return parser, parsers


def _add_common_options(parser: argparse.ArgumentParser) -> None:
    common = parser.add_argument_group("common options")
    common.add_argument(
        "--config",
        metavar="FILE",
        help="YAML or JSON file of options: long names with underscores (max_samples: 500). "
        "What stands on the command line wins",
    )
    common.add_argument("--debug", action="store_true", help="show the traceback of every error")


@contextmanager
def _no_output() -> Iterator[None]:
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # `| head` has seen enough; without this the interpreter complains again when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(command: str, message: str) -> None:
    # Every process speaks: an error of one alone (a model that its machine lacks) would otherwise be lost.
    let_the_first_speak()
    who = f"hf-metalr {command}" + (f" (process {process_index()})" if process_index() else "")
    print(f"{who}: error: {message}", file=sys.stderr)
