"""`evaluation.json`: what an evaluation found, in a documented form, and the card's `model-index` from it.

    {"schema": "hf_metalr/evaluation", "version": 1, "model": …, "task": …,
     "metrics": {"accuracy": {"value": …, "low": …, "high": …}, …}, "confusion_matrix": {"classes": …}, …}

What is not defined is null. `docs/after-training.md` names every field.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_metalr.checked_json import read_object, require_schema
from hf_metalr.errors import InputError
from hf_metalr.tables import console_table
from hf_metalr.training.fit import finite

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

NAME = "evaluation.json"
SCHEMA, VERSION = "hf_metalr/evaluation", 1
_MOST_BYTES = 2**26
_HUB_TASKS = {"segmentation": "image-segmentation"}


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found; printed, it is the table of the metrics.

    Attributes:
        content: of `evaluation.json`, as plain JSON values.
    """

    content: Mapping[str, Any]

    @property
    def metrics(self) -> Mapping[str, Mapping[str, float | None]]:
        """Return value, low and high of every metric."""
        found: Mapping[str, Mapping[str, float | None]] = self.content["metrics"]
        return found

    @classmethod
    def load(cls, path: str | Path) -> "Evaluation":
        """Read `evaluation.json`, or that of a folder.

        Raises:
            InputError: it is no such file, or of another version.
        """
        file = Path(path) / NAME if Path(path).is_dir() else Path(path)
        content = read_object(file, _MOST_BYTES, "evaluation")
        require_schema(content, SCHEMA, VERSION, str(file), "Evaluate anew.")
        if not isinstance(content.get("metrics"), dict):
            raise InputError(None, f"{file} must hold metrics. The file was edited or damaged.")
        return cls(content)

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON; what is not a finite number is None."""
        found: dict[str, Any] = finite(self.content)
        return found

    def save(self, path: Path) -> None:
        """Write `evaluation.json`."""
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        path.write_text(text, encoding="utf-8", newline="\n")

    def eval_results(self, dataset_name: str | None = None) -> "list[EvalResult]":
        """Return the metrics as the `model-index` of a model card has them.

        `huggingface_hub.ModelCardData(model_name=…, eval_results=evaluation.eval_results())` takes them.

        Args:
            dataset_name: of the data; by default the name of the source.
        """
        from huggingface_hub import EvalResult

        content = self.content
        source = str(content["data"]["source"])
        task = _HUB_TASKS.get(content["task"], f"{content['modality']}-classification")
        return [
            EvalResult(
                task_type=task,
                dataset_type=source if "/" in source and not Path(source).exists() else "local",
                dataset_name=dataset_name or Path(source).name,
                dataset_split=content["split"],
                metric_type=name,
                metric_name=name.replace("_", " "),
                metric_value=round(found["value"], 6),
            )
            for name, found in self.metrics.items()
            if found["value"] is not None
        ]

    def __str__(self) -> str:
        content, shown = self.to_dict(), f"{self.content['confidence']:.4g}"
        groups = content["groups"]
        drawn = f"{groups['count']} groups of {groups['name']} drawn" if groups else "rows drawn"
        rows = [[name, _number(m["value"]), _range(m)] for name, m in content["metrics"].items()]
        lines = [console_table(["metric", "value", f"{float(shown):.0%} interval"], rows), ""]
        lines.append(f"{content['rows']} rows ({content['split']}); {content['bootstraps']} bootstraps, {drawn}.")
        if content.get("against"):
            lines += ["", f"Minus {content['against']['model']}, on the same rows:"]
            differences = content["against"]["differences"]
            lines.append(
                console_table(
                    ["metric", "difference", f"{float(shown):.0%} interval"],
                    [[name, _number(m["value"], sign=True), _range(m, sign=True)] for name, m in differences.items()],
                )
            )
        return "\n".join(lines)


def _number(value: float | None, *, sign: bool = False) -> str:
    return "undefined" if value is None else f"{value:+.3f}" if sign else f"{value:.3f}"


def _range(found: Mapping[str, float | None], *, sign: bool = False) -> str:
    if found["low"] is None or found["high"] is None:
        return ""
    return f"[{_number(found['low'], sign=sign)}, {_number(found['high'], sign=sign)}]"
