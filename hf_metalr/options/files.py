"""Files of options, YAML or JSON.

YAML's values are taken as they are written, as the shell takes them. Its own reading would spoil them in silence: `off`
and `no` become false, 1e-4 becomes a text and 1_0 or 0:10 a number, 010 becomes 8, and a name 1.10 becomes 1.1.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from hf_metalr.errors import InputError

SUFFIXES = (".yaml", ".yml", ".json")


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
