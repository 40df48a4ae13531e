"""`--config file.yaml`: options from a file, checked as those of the command line are."""

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_metalr.cli.options import spelt_for
from hf_metalr.errors import InputError
from hf_metalr.options.files import read_config

NOT_IN_A_FILE = {"help", "config"}
# What switches a flag, in a YAML file by YAML 1.1 and 1.2 alike.
SWITCHES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def apply_config(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Make the values of the file behind `--config`, if there is one, the parser's defaults.

    The keys are the long names of the options with underscores, and the names of positional arguments. Values are
    checked by the type and the choices of their option. Ends as a usage error when the file cannot be read, is no
    mapping, has an unknown key, a value that its option refuses or two keys that exclude each other.
    """
    finder = argparse.ArgumentParser(prog=parser.prog, usage=argparse.SUPPRESS, add_help=False, allow_abbrev=False)
    finder.add_argument("--config")
    path = finder.parse_known_args(arguments)[0].config
    if path is None:
        return
    options = {key: action for action in parser._actions if (key := key_of(action)) not in NOT_IN_A_FILE}
    try:
        values = read_config(Path(path))
        _require_known_keys(values, options, path)
        _set_defaults(parser, {key: (options[key], value) for key, value in values.items()}, path)
    except (ValueError, OSError) as error:
        parser.error(spelt_for(parser, error))


def key_of(option: argparse.Action) -> str:
    """Return the name of an option in a config file.

    >>> parser = argparse.ArgumentParser()
    >>> key_of(parser.add_argument("-n", "--max-samples"))
    'max_samples'
    """
    long = [name for name in option.option_strings if name.startswith("--")]
    return long[0].removeprefix("--").replace("-", "_") if long else option.dest


def _require_known_keys(values: dict[str, Any], options: dict[str, argparse.Action], path: str) -> None:
    unknown = [key for key in values if key not in options]
    if not unknown:
        return
    hints = []
    for key in unknown:
        near = difflib.get_close_matches(key.replace("-", "_"), options, n=3)
        hints.append(f"'{key}'" + (f" (did you mean {' or '.join(near)}?)" if near else ""))
    raise InputError(
        "config",
        f"'{path}' has {'an unknown key' if len(unknown) == 1 else 'unknown keys'}: {', '.join(hints)}. "
        f"Known are: {', '.join(sorted(options))}.",
    )


def _set_defaults(parser: argparse.ArgumentParser, entries: dict[str, tuple[argparse.Action, Any]], path: str) -> None:
    set_by: dict[str, str] = {}
    for key, (option, value) in entries.items():
        place = f"--config '{path}', key '{key}'"
        converted = _convert(option, value, place)
        if option.nargs in (0, "?") and converted is None:  # a flag that is false
            continue
        if option.dest in set_by:
            raise InputError(None, f"{place} excludes key '{set_by[option.dest]}'. Keep one of them.")
        set_by[option.dest] = key
        parser.set_defaults(**{option.dest: converted})
        option.required = False


def _convert(option: argparse.Action, value: Any, place: str) -> Any:
    """Return a value of the file as its option would hold it; None for a flag that is false."""
    found = value
    if option.nargs == 0 or (option.nargs == "?" and _switch(value) is not None):
        value = _switch(value)
        if value is None:
            raise InputError(None, f"{place} must be true or false, found {found!r}.")
        if isinstance(option, argparse.BooleanOptionalAction):
            return value
        return option.const if value else None
    if option.nargs in ("+", "*"):
        entries = value if isinstance(value, list) else [value]
        if not entries:
            raise InputError(None, f"{place} must hold at least one value, found an empty list.")
        return [_convert_one(option, entry, place) for entry in entries]
    return _convert_one(option, value, place)


def _switch(value: Any) -> bool | None:
    """Return what a value means for a flag; None for what is no switch."""
    return value if isinstance(value, bool) else SWITCHES.get(str(value).lower())


def _convert_one(option: argparse.Action, value: Any, place: str) -> Any:
    if _switch(value) is False and ("off" in (option.choices or ()) or "'off'" in (option.help or "")):
        value = "off"  # off is how YAML writes false, and false is what was meant
    if isinstance(value, bool):
        raise InputError(
            None,
            f"{place} takes a word or a number, found {str(value).lower()} without quotation marks. Write the word in "
            f'quotation marks, such as "{"on" if value else "off"}".',
        )
    if value is None or isinstance(value, list | dict):
        raise InputError(None, f"{place} must be one number or text, found {value!r}.")
    convert = option.type if callable(option.type) else str
    try:
        converted = convert(str(value))
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise InputError(None, f"{place} does not accept {value!r}: {error}") from error
    if option.choices is not None and converted not in option.choices:
        raise InputError(None, f"{place} must be one of {', '.join(map(str, option.choices))}, found {value!r}.")
    return converted
