"""`--config file.yaml`: options from a file, checked as those of the command line are.

YAML's values are taken as they are written, as the shell takes them. Its own reading would spoil them in silence: `off`
and `no` become false, 1e-4 becomes a text and 1_0 or 0:10 a number, 010 becomes 8, and a name 1.10 becomes 1.1.
"""

import argparse
import difflib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_metalr.cli.errors import spelt_for
from hf_metalr.errors import InputError

SUFFIXES = (".yaml", ".yml", ".json")
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


def read_config(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML or JSON file holds.

    Raises:
        InputError: another suffix, a file that does not parse, one that holds something else than a mapping, or a key
            that stands twice.
        OSError: the file cannot be read.
    """
    if path.is_dir():
        raise InputError("config", f"must be a file, found the folder '{path}'.")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError("config", f"must be a {', '.join(SUFFIXES)} file, found '{path}'.")
    if not path.is_file():
        raise InputError(
            "config", f"'{path}' is no file here. Paths are relative to the folder you are in, '{Path.cwd()}'."
        )
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text, object_pairs_hook=_unique) if suffix == ".json" else _parse_yaml(text)
    except ValueError as error:
        raise InputError("config", f"'{path}' does not parse: {error}") from error
    if not isinstance(values, dict):
        raise InputError(
            "config", f"must hold a mapping of options (max_samples: 500), found {type(values).__name__} in '{path}'."
        )
    return {str(key): value for key, value in values.items()}


def _parse_yaml(text: str) -> Any:
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if isinstance(node, yaml.MappingNode):  # `safe_load` would keep the last of two
            _unique([(key.value, value) for key, value in node.value])
        values = None if node is None else _as_written(yaml.SafeLoader(text), node)
    except yaml.YAMLError as error:
        raise InputError(None, str(error)) from error
    return {} if values is None else values


def _as_written(loader: Any, node: Any) -> Any:
    """Return what a node holds, each value as its text; None for an empty one and for null."""
    import yaml

    if isinstance(node, yaml.SequenceNode):
        return [_as_written(loader, entry) for entry in node.value]
    if isinstance(node, yaml.MappingNode):
        loader.flatten_mapping(node)  # what << merges in
        return {_as_written(loader, key): _as_written(loader, value) for key, value in node.value}
    return None if node.tag == "tag:yaml.org,2002:null" else node.value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    twice = [key for key, count in Counter(str(key) for key, _ in pairs).items() if count > 1]
    if twice:
        raise InputError(None, f"the key '{twice[0]}' stands there twice. Keep one of them")
    return dict(pairs)


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
