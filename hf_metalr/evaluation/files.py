"""The folder of an evaluation: evaluation.json, a row per input, figures, worst errors and the page. All or nothing."""

import csv
import logging
import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hf_metalr.evaluation.answers import Answers
from hf_metalr.evaluation.config import EvaluationConfig
from hf_metalr.evaluation.figures import figures_of
from hf_metalr.evaluation.page import build_page
from hf_metalr.evaluation.result import NAME, Evaluation
from hf_metalr.evaluation.rows import Chosen
from hf_metalr.evaluation.worst import caption, contact_sheet, pictures, texts
from hf_metalr.inference.rows import header
from hf_metalr.inference.served import Served
from hf_metalr.outputs import save_figure

logger = logging.getLogger(__name__)
PAGE, ROWS, SHEET = "evaluation.html", "rows.csv", "worst_errors.png"


def write_evaluation(
    config: EvaluationConfig, served: Served, chosen: Chosen, answers: Answers, result: Evaluation
) -> None:
    """Write everything into a folder beside the final one, and move it there when it is whole."""
    assert config.out is not None
    config.out.parent.mkdir(parents=True, exist_ok=True)
    working = Path(tempfile.mkdtemp(prefix=f".{config.out.name}-", dir=config.out.parent))
    try:
        _write(working, config, served, chosen, answers, result)
        working.chmod(0o777 & ~_umask())  # `mkdtemp` gives the folder to its maker alone
        if not config.out.exists():
            os.replace(working, config.out)
            return
        for file in sorted(working.iterdir(), key=lambda path: path.name == NAME):  # the record last
            os.replace(file, config.out / file.name)
    finally:
        shutil.rmtree(working, ignore_errors=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _write(
    folder: Path, config: EvaluationConfig, served: Served, chosen: Chosen, answers: Answers, result: Evaluation
) -> None:
    content = result.to_dict()
    result.save(folder / NAME)
    _write_rows(folder / ROWS, chosen, answers)
    drawn: dict[str, Path] = {}
    if find_spec("matplotlib") is None:
        logger.warning("no figures: they need matplotlib, `pip install 'hf-metalr[plot]'`")
    else:
        for name, draw in figures_of(content, answers).items():
            drawn[name] = folder / f"{name}.{config.format}"
            save_figure(draw)(drawn[name])
    errors = content["worst"]
    words = [caption(error) for error in errors]
    if served.task.modality == "text":
        shown: list[Any] = texts(chosen, errors)
    else:
        shown = pictures(served, chosen, errors)
        if shown:
            contact_sheet(shown, [f"{e['file']}: {w}" for e, w in zip(errors, words, strict=True)]).save(folder / SHEET)
    examples = [(error["file"], word, look) for error, word, look in zip(errors, words, shown, strict=True)]
    (folder / PAGE).write_text(build_page(content, drawn, examples), encoding="utf-8")


def _write_rows(path: Path, chosen: Chosen, answers: Answers) -> None:
    """Write one row per input: file, group, truth, prediction, and probabilities (or Dice) by class."""
    names, task = answers.names, answers.task.name
    groups = chosen.groups
    columns = ["file", *([] if groups is None else ["group"])]
    if task == "segmentation":
        columns += [f"dice_{name}" for name in names]
        cells = [[f"{v:.6g}" if v == v else "" for v in row] for row in answers.scores().by_image()]
    elif task == "regression":
        columns += ["truth", "prediction"]
        cells = [[f"{t:.9g}", f"{a:.9g}"] for t, a in zip(answers.truth, answers.answers, strict=True)]
    else:
        columns += ["truth", *header(answers.task, names)[1:]]
        cells = [
            [_named(t, names), _named(a, names), *(f"{p:.9g}" for p in row)]
            for t, a, row in zip(answers.truth, answers.answers, answers.probabilities, strict=True)
        ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for place, (name, own) in enumerate(zip(chosen.files, cells, strict=True)):
            writer.writerow([name, *([] if groups is None else [groups[place]]), *own])


def _named(value: Any, names: list[str]) -> str:
    if getattr(value, "ndim", 0):
        return "|".join(name for name, has in zip(names, value, strict=True) if has)
    return names[int(value)]
