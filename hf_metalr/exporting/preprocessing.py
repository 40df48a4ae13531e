"""What comes before and after an exported model, as JSON: a program elsewhere must do the same to its inputs.

    {"schema": "hf_metalr/preprocessing", "version": 1, "task": "classification", "classes": ["normal", "pneumonia"],
     "inputs": ["pixel_values"], "output": "logits", "probabilities": "softmax",
     "image": {"channels": 3, "processor": {…}}}

`docs/after-training.md` names every field.
"""

from pathlib import Path
from typing import Any

from hf_metalr.data.inputs.prepare import ImagePreparation, TextPreparation
from hf_metalr.inference.served import Served

SCHEMA, VERSION = "hf_metalr/preprocessing", 1
TOKENIZER = "tokenizer.json"
_PROBABILITIES = {"classification": "softmax", "segmentation": "softmax", "multi-label": "sigmoid", "regression": None}
_RESAMPLING = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}  # of Pillow


def preprocessing(served: Served, inputs: list[str], any_batch: bool, stem: str) -> dict[str, Any]:
    """Return what is written beside an export."""
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "version": VERSION,
        "model": Path(served.source).name,
        "task": served.task.name,
        "classes": [] if served.task.name == "regression" else served.names,
        "inputs": inputs,
        "batch": "any" if any_batch else 1,
        "output": "logits",
        "probabilities": _PROBABILITIES[served.task.name],
        "temperature": served.temperature,
    }
    if isinstance(served.prepare, ImagePreparation):
        return content | {"image": _image(served, served.prepare)}
    assert isinstance(served.prepare, TextPreparation)
    tokenizer = served.prepare.tokenizer
    return content | {
        "text": {
            "tokenizer": f"{stem}.{TOKENIZER}",
            "longest": served.prepare.longest,
            "padding_side": tokenizer.padding_side,
            "pad_token_id": tokenizer.pad_token_id,
        }
    }


def save_tokenizer(served: Served, path: Path) -> str:
    """Write the tokenizer as one file of the library `tokenizers`, and return its name; a slow one as a folder."""
    tokenizer: Any = served.prepare.tokenizer  # type: ignore[union-attr]  # of texts
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        tokenizer.save_pretrained(path)
    else:
        backend.save(str(path))
    return path.name


def _image(served: Served, prepare: ImagePreparation) -> dict[str, Any]:
    settings = {name: value for name, value in prepare.processor.to_dict().items() if not name.startswith("_")}
    window = served.window if served.window is None or isinstance(served.window, str) else list(served.window)
    return {
        "channels": prepare.channels,
        "decoding": "upright by EXIF; transparent pixels on white; 8 bits; grey where channels is 1, else RGB",
        "window": window,
        "resampling": _RESAMPLING.get(settings.get("resample") or 0),
        "processor": {name: _plain(value) for name, value in sorted(settings.items())},
    }


def _plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
