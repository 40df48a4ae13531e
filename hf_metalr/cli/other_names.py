"""Options as other programs name them: with underscores, as Transformers' scripts do, or by other words."""

import argparse
from collections.abc import Iterable
from difflib import get_close_matches

# As Transformers' TrainingArguments and example scripts, Ultralytics and timm name what ours has too.
OTHER_NAMES = {
    "--model-name-or-path": "--model",
    "--pretrained-model-name-or-path": "--model",
    "--dataset": "--data",
    "--dataset-name": "--data",
    "--train-dir": "--data",
    "--data-dir": "--data",
    "--dataset-config-name": "--data-name",
    "--num-train-epochs": "--epochs",
    "--num-epochs": "--epochs",
    "--per-device-train-batch-size": "--batch-size",
    "--train-batch-size": "--batch-size",
    "--batch": "--batch-size",
    "--lr": "--learning-rate",
    "--imgsz": "--image-size",
    "--img-size": "--image-size",
    "--output": "--output-dir",
    "--out-dir": "--output-dir",
    "--overwrite-output-dir": "--overwrite",
    "--resume-from-checkpoint": "--resume",
    "--image-column-name": "--input-column",
    "--text-column-name": "--input-column",
    "--label-column-name": "--label-column",
    "--train-val-split": "--validation-size",
    "--max-train-samples": "--max-samples",
    "--metric-for-best-model": "--metric",
    "--early-stopping-patience": "--patience",
    "--task-type": "--task",
}


def with_dashes(arguments: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the arguments with dashes in names of options that were written with underscores; values stay.

    >>> with_dashes(["--learning_rate=1e-3", "--data", "my_scans", "--no_such"], ["--learning-rate", "--data"])
    ['--learning-rate=1e-3', '--data', 'my_scans', '--no_such']
    """
    found = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        dashed = name.replace("_", "-")
        found.append(dashed + equals + value if name.startswith("--") and dashed in known else argument)
    return found


def options_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return the long options of a parser."""
    return [name for action in parser._actions for name in action.option_strings if name.startswith("--")]


def unknown_options(arguments: Iterable[str], known: Iterable[str]) -> str:
    """Return a message about options that are not known, with those that may be meant; empty where all are known.

    >>> unknown_options(["--num_train_epochs=2", "--bach-size", "4", "--xyz"], ["--epochs", "--batch-size"])
    'unknown options: --num_train_epochs (here --epochs), --bach-size (here --batch-size?), --xyz'
    """
    known, parts = list(known), []
    for argument in arguments:
        given = argument.partition("=")[0]
        name = given.replace("_", "-")
        if argument == "--":
            break
        if not given.startswith("--") or given in known:
            continue
        if OTHER_NAMES.get(name) in known:
            parts.append(f"{given} (here {OTHER_NAMES[name]})")
        else:
            close = get_close_matches(name, known, n=1, cutoff=0.75)
            parts.append(f"{given} (here {close[0]}?)" if close else given)
    return f"unknown options: {', '.join(parts)}" if parts else ""
