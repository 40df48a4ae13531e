"""`adapter_config.json` of PEFT without a path that only its author has, while it is uploaded."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hf_metalr.hub.locate import is_model_id

_NAME, _KEY = "adapter_config.json", "base_model_name_or_path"


@contextmanager
def shareable_adapter_config(folder: Path, base_model: str | None = None) -> Iterator[None]:
    """Hold a local path of the base model out of an adapter's file inside the ``with`` statement, then put it back.

    Args:
        folder: of the adapter; named adapters lie in folders in it.
        base_model: Hub id of the base model, to stand in its place; None leaves the place empty.
    """
    kept = {}
    named = [file for file in folder.glob(f"*/{_NAME}") if not file.parent.name.startswith("checkpoint-")]
    for file in [*folder.glob(_NAME), *named]:
        content = json.loads(file.read_text(encoding="utf-8"))
        found = content.get(_KEY) if isinstance(content, dict) else None
        if found and not is_model_id(str(found)):
            kept[file] = file.read_bytes()
            _replace(file, json.dumps(content | {_KEY: base_model}, indent=2).encode())
    try:
        yield
    finally:
        for file, content in kept.items():
            _replace(file, content)


def _replace(file: Path, content: bytes) -> None:
    temporary = file.with_name(f"{file.name}.tmp")
    temporary.write_bytes(content)
    os.replace(temporary, file)
