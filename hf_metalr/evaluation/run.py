"""`evaluate`: a fine-tuned model on rows with labels, step by step, and everything that is written of it."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix

from hf_metalr.data.config import DataConfig
from hf_metalr.errors import InputError, Parameter
from hf_metalr.evaluation.answers import Answers, ask
from hf_metalr.evaluation.calibration import at_temperature, calibration, fit_temperature, save_temperature
from hf_metalr.evaluation.comparison import compare, require_alike
from hf_metalr.evaluation.config import EvaluationConfig
from hf_metalr.evaluation.curves import curves
from hf_metalr.evaluation.files import write_evaluation
from hf_metalr.evaluation.resampling import FEW_GROUPS, Resamples, intervals
from hf_metalr.evaluation.result import NAME, SCHEMA, VERSION, Evaluation
from hf_metalr.evaluation.rows import Chosen, choose_rows
from hf_metalr.evaluation.subgroups import require_columns, subgroups
from hf_metalr.evaluation.thresholds import operating_points
from hf_metalr.evaluation.worst import worst_errors
from hf_metalr.inference.config import ModelConfig
from hf_metalr.inference.served import Served, chosen_temperature, load_served, with_window
from hf_metalr.processes import process_index

logger = logging.getLogger(__name__)


def evaluate(
    model: str | Path, data: str | Path | Sequence[str | Path], *, out: str | Path | None = None, **settings: Any
) -> Evaluation:
    """Measure a fine-tuned model on rows with labels; see `hf-metalr evaluate --help`.

    Args:
        model: folder or Hub id.
        data: a folder, tables or a data set of the Hub, as every command reads them.
        out: folder for evaluation.json, the figures and the page; None writes nothing.
        settings: other fields of `EvaluationConfig`, `ModelConfig` and `DataConfig`, such as `by=("sex",)`,
            `group_column="patient_id"` or `batch_size=8`.

    Raises:
        InputError: the model, the data or a setting is at fault.
    """
    sources = (data,) if isinstance(data, str | Path) else tuple(data)
    own: dict[type, dict[str, Any]] = {DataConfig: {}, ModelConfig: {}, EvaluationConfig: {}}
    for name, value in settings.items():
        kind = next((kind for kind in own if name in kind.__dataclass_fields__), None)  # type: ignore[attr-defined]
        if kind is None:
            raise TypeError(f"evaluate() got an unexpected keyword argument '{name}'")
        own[kind][name] = value
    config = EvaluationConfig(
        data=DataConfig(tuple(map(str, sources)), **own[DataConfig]),
        model=ModelConfig(str(model), **own[ModelConfig]),
        out=None if out is None else Path(out),
        **own[EvaluationConfig],
    )
    return run(config)


def run(config: EvaluationConfig) -> Evaluation:
    """Evaluate, and write what is asked for; what is decided on the user's behalf is logged.

    Raises:
        InputError: the model, the data or an option is at fault. Nothing has been written then.
    """
    _check(config)
    served = load_served(config.model)
    other = None if config.against is None else load_served(replace(config.model, model=config.against))
    if other is not None:
        require_alike(served, other)
    data, notes = with_window(served, config.data)
    for note in (*served.notes, *(other.notes if other else ()), *notes):
        warns = note.startswith("warning: ")
        logger.log(logging.WARNING if warns else logging.INFO, "%s", note.removeprefix("warning: "))
    positive = _positive(config, served)
    temperature = chosen_temperature(served, config.calibrated)
    chosen, validation = choose_rows(config, served, data)
    require_columns(chosen, config.by)
    _require_validation(config, served, validation)
    answers = ask(served, chosen, config.model.batch_size, temperature)
    content = _content(config, served, chosen, answers)
    draws = Resamples(len(chosen.rows), chosen.groups, config.bootstraps, data.seed)
    content |= _metrics(answers, draws, config.confidence)
    content |= _of_classes(config, answers, positive)
    if validation is not None and served.task.name in ("classification", "multi-label"):
        content |= _by_validation(config, served, answers, validation, positive, draws, temperature)
    if config.by:
        content["subgroups"] = subgroups(answers, chosen, config.by, config.bootstraps, config.confidence, data.seed)
    if other is not None:
        theirs = ask(other, chosen, config.model.batch_size)
        found = compare(answers, theirs, draws, config.confidence, chosen.groups is not None)
        content["against"] = {"model": other.source} | found
    content["worst"] = worst_errors(answers, chosen, config.worst)
    result = Evaluation(content)
    if config.out is not None and process_index() == 0:
        write_evaluation(config, served, chosen, answers, result)
    if config.save_temperature and process_index() == 0:
        save_temperature(Path(served.source), content["calibration"]["temperature"]["value"])
    return result


def _check(config: EvaluationConfig) -> None:
    out = config.out
    if out is not None and out.exists() and not out.is_dir():
        raise InputError("out", f"must be a folder or a new one, found the file '{out}'.")
    if out is not None and (out / NAME).exists() and not config.overwrite:
        raise InputError(
            "out", f"has an evaluation already, '{out / NAME}'. Name another folder, or write over it by ",
            Parameter("overwrite"), ".",
        )  # fmt: skip
    if out is not None:
        there = next(place for place in (out.absolute(), *out.absolute().parents) if place.exists())
        if not os.access(there, os.W_OK):
            raise InputError("out", f"'{there}' may not be written. Choose another folder.")
    if config.save_temperature and config.calibrated:
        raise InputError("save_temperature", "fits anew what ", Parameter("calibrated"), " uses: give one of the two.")
    if config.save_temperature and not (Path(config.model.model) / "config.json").is_file():
        raise InputError("save_temperature", f"needs a model in a folder here, found '{config.model.model}'.")


def _positive(config: EvaluationConfig, served: Served) -> int:
    if config.positive is None:
        return min(1, len(served.names) - 1)
    if config.positive not in served.names:
        raise InputError(
            "positive", f"must be a class of the model, {', '.join(served.names)}, found '{config.positive}'."
        )
    if len(served.names) != 2 or served.task.name != "classification":
        raise InputError("positive", "is for models of two classes: of others every class is set against the rest.")
    return served.names.index(config.positive)


def _require_validation(config: EvaluationConfig, served: Served, validation: Chosen | None) -> None:
    probable = served.task.name in ("classification", "multi-label")
    if config.save_temperature and (validation is None or not probable):
        raise InputError(
            "save_temperature",
            "needs validation data of a classification, which are evaluated nowhere else. Name some with ",
            Parameter("validation"),
            ".",
        )
    if validation is not None and probable:
        where = " ".join(validation.data.config.data) if config.validation else "the split validation"
        logger.info("thresholds and temperature are chosen on %s, %d rows", where, len(validation.rows))
    elif probable:
        logger.info("no validation split: no threshold and no temperature is chosen (name data with --validation)")


def _content(config: EvaluationConfig, served: Served, chosen: Chosen, answers: Answers) -> dict[str, Any]:
    groups = chosen.groups
    if groups is not None and len(set(groups)) < FEW_GROUPS:
        logger.warning("%d groups of %s: intervals of so few are too narrow", len(set(groups)), chosen.data.group_name)
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "model": served.source,
        "task": served.task.name,
        "modality": served.task.modality,
        "classes": [] if served.task.name == "regression" else served.names,
        "data": chosen.data.account({chosen.name: chosen.rows}).to_dict(),
        "split": chosen.name,
        "rows": len(chosen.rows),
        "groups": None if groups is None else {"name": chosen.data.group_name, "count": len(set(groups))},
        "bootstraps": config.bootstraps,
        "confidence": config.confidence,
        "calibrated": config.calibrated,
    }


def _metrics(answers: Answers, draws: Resamples, confidence: float) -> dict[str, Any]:
    found = intervals(answers.scores(), draws, confidence)
    classes: list[dict[str, Any]] = [{"class": name} for name in answers.names]
    for key, value in found.items():
        if not isinstance(key, str):
            name, number = key
            classes[number][name] = int(value["value"]) if name in ("support", "pixels") else value
    per_class = {} if answers.task.name == "regression" else {"per_class": classes}
    return {"metrics": {key: value for key, value in found.items() if isinstance(key, str)}} | per_class


def _of_classes(config: EvaluationConfig, answers: Answers, positive: int) -> dict[str, Any]:
    """Return what the task has besides metrics: matrices, curves, calibration, or the points of a regression."""
    size = range(len(answers.names))
    if answers.task.name == "segmentation":
        assert answers.matrix is not None
        return {"confusion_matrix": {"classes": answers.names, "unit": "pixels", "matrix": answers.matrix.tolist()}}
    if answers.task.name == "regression":
        errors = answers.answers - answers.truth
        spread = float(errors.std(ddof=1)) if len(errors) > 1 else float("nan")
        limits = [float(errors.mean()) - 1.96 * spread, float(errors.mean()) + 1.96 * spread]
        return {"bland_altman": {"bias": float(errors.mean()), "spread": spread, "limits_of_agreement": limits}}
    if answers.task.name == "classification":
        matrix = confusion_matrix(answers.truth, answers.answers, labels=list(size))
        found: dict[str, Any] = {
            "confusion_matrix": {"classes": answers.names, "unit": "rows", "matrix": matrix.tolist()}
        }
    else:
        matrices = multilabel_confusion_matrix(answers.truth, answers.answers, labels=list(size))
        names = ("true_negative", "false_positive", "false_negative", "true_positive")
        found = {
            "label_matrices": [
                {"class": name} | dict(zip(names, matrix.ravel().tolist(), strict=True))
                for name, matrix in zip(answers.names, matrices, strict=True)
            ]
        }
    shown = [positive] if answers.task.name == "classification" and len(answers.names) == 2 else list(size)
    return found | {"curves": curves(answers, shown), "calibration": calibration(answers)}


def _by_validation(
    config: EvaluationConfig,
    served: Served,
    answers: Answers,
    validation: Chosen,
    positive: int,
    draws: Resamples,
    temperature: float,
) -> dict[str, Any]:
    """Return calibration with the temperature of validation, and the operating points chosen there."""
    known = ask(served, validation, config.model.batch_size, temperature)
    fitted = fit_temperature(known)
    wanted = [("sensitivity", s) for s in config.sensitivity] + [("specificity", s) for s in config.specificity]
    two = answers.task.name == "classification" and len(answers.names) == 2
    classes = [positive] if two else list(range(len(answers.names)))
    after = calibration(at_temperature(answers, fitted))
    return {
        "calibration": calibration(answers)
        | {
            "temperature": {
                "value": fitted,
                "fitted_on": len(validation.rows),
                "ece": after["ece"],
                "brier": after["brier"],
            }
        },
        "operating_points": {
            "chosen_on": len(validation.rows),
            "points": operating_points(known, answers, classes, wanted, draws, config.confidence),
        },
    }
