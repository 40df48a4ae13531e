"""`hf-metalr rank`: which backbone suits a data set, without fine-tuning one."""

import argparse
from collections.abc import Sequence

from hf_metalr.cli.command import Command
from hf_metalr.cli.data import add_data_options, load_data
from hf_metalr.cli.errors import UserError
from hf_metalr.cli.numbers import positive_int
from hf_metalr.cli.output import add_output_options, check_outputs, deliver

DESCRIPTION = """\
Rank pre-trained backbones for a data set by the features they already have:
one forward pass per model, no training. Use it to choose which two or three
models are worth a fine-tune.

The table gives scores with intervals, puts models that cannot be told apart
into one tie group, and names two picks: one by score, one by what is known
beforehand. No such score is reliable on all data: fine-tune both picks.
"""
EXAMPLES = """\
  two models of the Hub on a folder of images that has one sub-folder per class
    hf-metalr rank google/vit-base-patch16-224 microsoft/resnet-50 \\
        --data ./scans

  is a checkpoint better than its own random initialisation? With a figure
    hf-metalr rank ./my-checkpoint --random-twins --data scans.parquet \\
        --max-samples 500 --plot ranking.png

  options from a file (models: [...], data: ...), the result for a program
    hf-metalr rank --config rank.yaml --json > ranking.json

  on several devices
    accelerate launch -m hf_metalr rank ./a ./b --data ./scans
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command; the defaults are those of `rank_backbones`."""
    parser.add_argument("models", nargs="+", metavar="MODEL", help="Hub ids or folders of the backbones")
    parser.add_argument(
        "--random-twins", action="store_true", help="also rank a random re-initialisation of every model"
    )
    parser.add_argument(
        "--priors",
        nargs="+",
        type=_prior,
        metavar="MODEL=ACCURACY",
        help="what is known of a model beforehand, such as its ImageNet accuracy from 0 to 1",
    )
    add_data_options(parser, required=True, several_labels=True)
    _add_score_options(parser)
    work = parser.add_argument_group("work")
    work.add_argument(
        "--batch-size", type=positive_int, default=32, metavar="N", help="samples per forward pass (default: 32)"
    )
    work.add_argument(
        "--dtype", choices=["float32", "bfloat16", "float16"], help="of the forward passes (default: the model's)"
    )
    work.add_argument("--cache-dir", metavar="FOLDER", help="keep features here, so that a second run is quick")
    work.add_argument("--trust-remote-code", action="store_true", help="allow code of a Hub model to run")
    add_output_options(parser, "the ranking")


def _add_score_options(parser: argparse.ArgumentParser) -> None:
    scores = parser.add_argument_group("scores")
    scores.add_argument(
        "--scores",
        nargs="+",
        metavar="NAME",
        help="which scores, such as nearest_neighbor_accuracy linear_probe_accuracy; the first orders the table "
        "(default: all that fit)",
    )
    scores.add_argument("--k", type=positive_int, default=5, metavar="N", help="neighbours of k-NN (default: 5)")
    scores.add_argument(
        "--folds", type=positive_int, default=5, metavar="N", help="folds of the linear probe (default: 5)"
    )
    scores.add_argument(
        "--bootstraps", type=positive_int, default=1000, metavar="N", help="resamples of the intervals (default: 1000)"
    )
    scores.add_argument(
        "--confidence", type=float, default=0.95, metavar="SHARE", help="of the intervals (default: 0.95)"
    )


def run(options: argparse.Namespace) -> str:
    """Rank the models and return the result in the form that was asked for."""
    check_outputs(options)
    priors = None if options.priors is None else dict(options.priors)
    _require_known(priors or {}, options.models)
    from hf_metalr.ranking import rank_backbones

    data = load_data(options).without_damaged(options.skip_damaged)
    ranking = rank_backbones(
        options.models,
        data.dataset,
        label_column=data.label_column,
        input_column=_single(data.input_columns),
        scores=options.scores,
        batch_size=options.batch_size,
        max_samples=options.max_samples,
        k=options.k,
        folds=options.folds,
        bootstraps=options.bootstraps,
        confidence=options.confidence,
        priors=priors,
        random_twins=options.random_twins,
        cache_dir=options.cache_dir,
        dtype=options.dtype,
        seed=options.seed,
        trust_remote_code=options.trust_remote_code,
    )
    return deliver(ranking, options)


def _single(columns: Sequence[str]) -> str:
    if len(columns) > 1:
        raise UserError(
            f"--input-column: a ranking reads one text per sample, found pairs of {' and '.join(columns)}. Name the "
            "column that says more, or join the two in the data."
        )
    return columns[0]


def _prior(text: str) -> tuple[str, float]:
    """Read `MODEL=ACCURACY`, for argparse."""
    model, _, accuracy = text.rpartition("=")
    try:
        prior = float(accuracy)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be MODEL=ACCURACY, found '{text}'") from error
    if not 0 <= prior <= 1:
        raise argparse.ArgumentTypeError(f"must be an accuracy from 0 to 1, 0.718 for 71.8 %, found '{text}'")
    return model, prior


def _require_known(priors: dict[str, float], models: Sequence[str]) -> None:
    unknown = [model for model in priors if model not in models]
    if unknown:
        raise UserError(f"--priors must name models that are ranked, found {', '.join(unknown)}.")


COMMAND = Command(
    summary="which backbone suits a data set, without fine-tuning",
    description=DESCRIPTION,
    examples=EXAMPLES,
    add_options=add_options,
    run=run,
)
