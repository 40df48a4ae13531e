"""Which backbone suits a data set: features from one forward pass each, scores, intervals and ties."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hf_metalr.data.config import Window
from hf_metalr.errors import InputError
from hf_metalr.features import LAST_HIDDEN_STATE
from hf_metalr.layer_groups import make_layer_groups
from hf_metalr.ranking.extract import SOURCE_PROBABILITIES, extract_features
from hf_metalr.ranking.notes import make_notes
from hf_metalr.ranking.parallel import gather_results, own_part, progress
from hf_metalr.ranking.priors import checked_priors, known_prior
from hf_metalr.ranking.result import RankedBackbone, Ranking, Score
from hf_metalr.ranking.scored_rows import ScoredRows, scored_rows
from hf_metalr.ranking.scoring import LEEP, LINEAR_PROBE, NEAREST_NEIGHBOR, Estimate, Scorer, chosen_scores
from hf_metalr.ranking.sources import Backbone, Module, Source, find_candidates
from hf_metalr.ranking.targets import require_samples_per_class
from hf_metalr.ranking.ties import tie_groups


def rank_backbones(
    models: Sequence[Source] | Mapping[str, Source | Module],
    dataset: Any,
    *,
    label_column: str | None = None,
    input_column: str | None = None,
    scores: Sequence[str] | None = None,
    batch_size: int = 32,
    max_samples: int | None = None,
    group_column: str | None = None,
    window: Window | None = None,
    skip_damaged: bool = False,
    k: int = 5,
    folds: int = 5,
    bootstraps: int = 1000,
    confidence: float = 0.95,
    priors: Mapping[str, float] | None = None,
    random_twins: bool = False,
    cache_dir: Source | None = None,
    dtype: torch.dtype | str | None = None,
    seed: int = 0,
    trust_remote_code: bool = False,
) -> Ranking:
    """Rank backbones for a data set by the features they already have, without fine-tuning.

    Each model runs once over the data and the means over tokens or space of all its layers are scored. The order is
    that of the first score on the final representation (`last_hidden_state`), which no choice of a layer flatters.

    **How far to trust it.** No score is reliable on all data. k-NN and the linear probe come first because they
    have units and a chance level; k-NN beat 23 metrics over 42,000 fine-tunes (arXiv 2503.18528). Across public
    tables a static ranking that ignores the data reaches a weighted τ of 0.69 to 0.84, ImageNet accuracy alone
    0.71, published scores 0.06 to 0.70, and on medical images no score predicts the best architecture (arXiv
    2405.20420). On four small image sets and three networks with their random twins (400 images,
    `benchmarks/results/ranking`), k-NN of the last hidden state told 9 of 11 twins apart as a short fine-tune does,
    weighted τ 0.36 [−0.23, 0.85]; the probe 10, 0.35 [−0.18, 0.83]; LogME 9, 0.27 [−0.25, 0.79]; the H-score 4, −0.27,
    which puts random features first where samples are fewer than channels. Their means over all layers did better:
    LogME 0.74, k-NN 0.68, probe 0.64, intervals clear of 0, and 10 or 11 twins; one benchmark, so the order stays.
    Hence the intervals, the tie groups, the prior, and two picks instead of one (`Ranking.picks`). The data must be
    what you train on, not the split that you report on.

    **Intervals** are of the samples alone: another draw of samples like these. How hits are resampled, and evidence
    by half samples, stands at `hf_metalr.ranking.scoring.Scorer`; what a tie group is, at
    `hf_metalr.ranking.ties.tie_groups`.

    **Several processes** (`accelerate launch`, `torchrun`) share the batches and the layers to score; each returns the
    ranking of one process.

    Args:
        models: Hub ids and folders; or a mapping from the names to print to Hub ids, folders, or pairs (module,
            processor), the processor a function from a list of RGB images or texts to the module's input.
        dataset: one split, a `datasets.Dataset` with a column of images or texts and one of labels: classes; rows of 0
            and 1 or lists of labels (multi-label) or numbers (regression), which LogME alone can score. Or what
            `hf_metalr.data.read.read_data` has read, which may also say which samples belong to one patient.
        label_column: None takes the class column, or else the one called `label`, `labels`, `target` or `targets`.
        input_column: None takes the column of images, or else of texts.
        scores: names of functions of `hf_metalr.scores`: `nearest_neighbor_accuracy`, `linear_probe_accuracy`,
            `log_maximum_evidence`, `shrinkage_h_score`, and `log_expected_empirical_prediction` (LEEP), which only
            classifiers with a head from other data have. The first orders the table. None: all that apply.
        batch_size: samples in one forward pass of each process.
        max_samples: score a random part of so many samples, in which each class keeps its share.
        group_column: such as a patient: nobody is the neighbour of, or fitted together with, a sample of his own group,
            and intervals draw whole groups.
        window: (low, high), the intensities of images with more than 8 bits that become black and white; "file" takes
            each file's own range. None refuses such images.
        skip_damaged: leave out inputs that cannot be read, and rows without a label, instead of refusing them.
        k: neighbours of k-NN.
        folds: of the probe; each class needs as many samples.
        bootstraps: draws for the intervals of accuracies.
        confidence: of intervals and ties.
        priors: what is known of a model beforehand, by name, such as its ImageNet accuracy; it replaces the built-in
            figures. Higher is better.
        random_twins: also rank each model with random weights of its own initialiser. A backbone that is tied with its
            twin brings nothing that its architecture does not.
        cache_dir: keep features here and take them from here, by weights, data, processor and precision. None keeps
            none. Modules with a processor of their own are never kept.
        dtype: of the forward pass, such as `torch.bfloat16`; None is float32. Scores are always computed on float32
            features.
        seed: of drawn samples, folds, bootstraps and twins.
        trust_remote_code: run code that comes with a model from the Hub.

    Returns:
        The ranking: `print` it, `plot`, `save`, `to_markdown`, `to_csv`, `card_section`.

    Raises:
        InputError: unknown models, a model for other inputs, a data set without usable labels or with unreadable
            images (by row), too few samples in a class, or settings out of range. Nothing is written then.
    """
    settings = {"k": k, "folds": folds, "bootstraps": bootstraps, "batch_size": batch_size, "seed": seed}
    _check_settings(settings, confidence)
    precision = _dtype(dtype)
    samples = scored_rows(
        dataset,
        input_column,
        label_column,
        max_samples=max_samples,
        seed=seed,
        group_column=group_column,
        window=window,
        skip_damaged=skip_damaged,
    )
    names = chosen_scores(scores, samples.task)
    candidates = find_candidates(models, samples.modality, precision, random_twins, seed, trust_remote_code)
    _check_samples(samples, names, k, folds)
    known = checked_priors(priors, [candidate.name for candidate in candidates])
    scorer = Scorer(names, k, folds, bootstraps, seed, samples.groups)
    folder = None if cache_dir is None else Path(os.fspath(cache_dir))
    ranked: list[RankedBackbone] = []
    estimates: dict[str, dict[str, Estimate]] = {name: {} for name in names}
    for candidate in candidates:
        backbone = candidate.load()
        if backbone.count_cut is not None and not backbone.is_random:
            backbone.count_cut(samples.batch(0, len(samples)))
        features = extract_features(backbone, samples, batch_size, folder)
        found = _estimates(backbone, features, samples, scorer)
        for name, estimate in found.items():
            estimates[name][backbone.name] = estimate
        layers = _layer_values(backbone, features, samples, scorer)
        prior = known_prior(backbone.name) if priors is None else known.get(backbone.name)
        ranked.append(_unscored(backbone, features, layers, None if backbone.is_random else prior))
    if scores is None and not estimates.get(LEEP, True):
        names = tuple(name for name in names if name != LEEP)
    models_in_order = _ordered(ranked, {name: estimates[name] for name in names}, confidence)
    chance = scorer.chance(samples.targets)
    return Ranking(
        models=models_in_order,
        score_names=names,
        chance={name: chance[name] for name in names if name in chance},
        samples=len(samples),
        classes=len(torch.unique(samples.targets)) if samples.task == "classification" else None,
        confidence=confidence,
        settings=settings | {"task": samples.task, "dtype": str(precision or torch.float32).removeprefix("torch.")},
        notes=make_notes(models_in_order, names, chance, len(samples), samples.copies, confidence),
    )


def _check_settings(settings: Mapping[str, int], confidence: float) -> None:
    least = {"k": 1, "folds": 2, "bootstraps": 100, "batch_size": 1}
    for name, lowest in least.items():
        if settings[name] < lowest:
            raise InputError(name, f"must be at least {lowest}, found {settings[name]}.")
    if not 0 < confidence < 1:
        raise InputError("confidence", f"must lie between 0 and 1, found {confidence}. 0.95 is usual.")


def _dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    found = getattr(torch, dtype.removeprefix("torch."), None) if isinstance(dtype, str) else dtype
    if dtype is not None and not (isinstance(found, torch.dtype) and found.is_floating_point):
        raise InputError("dtype", f"must be a floating dtype such as torch.bfloat16, found {dtype!r}.")
    return found


def _check_samples(samples: ScoredRows, names: Sequence[str], k: int, folds: int) -> None:
    if samples.task != "classification":
        return
    least = folds if LINEAR_PROBE in names else 2
    require_samples_per_class(samples.targets, least, samples.classes)
    if NEAREST_NEIGHBOR in names and k >= len(samples):
        raise InputError("k", f"must be less than the number of samples, {len(samples)}; found {k}.")


def _estimates(
    backbone: Backbone, features: Mapping[str, Tensor], samples: ScoredRows, scorer: Scorer
) -> dict[str, Estimate]:
    """The scores of the final representation, shared among the processes."""
    inputs = dict.fromkeys(scorer.names, features[LAST_HIDDEN_STATE])
    if LEEP in inputs and SOURCE_PROBABILITIES in features:
        inputs[LEEP] = features[SOURCE_PROBABILITIES]
    elif inputs.pop(LEEP, None) is not None and scorer.names[0] == LEEP:
        raise InputError(
            "scores",
            f"{LEEP} cannot order the table, since {backbone.name!r} has no trained head for other classes. "
            "Put another score first.",
        )
    shares = gather_results(
        lambda: {name: scorer.estimate(name, inputs[name], samples.targets) for name in own_part(list(inputs))}
    )
    return {name: estimate for share in shares for name, estimate in share.items()}


def _layer_values(
    backbone: Backbone, features: Mapping[str, Tensor], samples: ScoredRows, scorer: Scorer
) -> dict[str, dict[str, float | None]]:
    """The scores of every layer, shared among the processes."""
    layers = [name for name in features if name != SOURCE_PROBABILITIES]
    shares = gather_results(
        lambda: {
            layer: {name: _finite(value) for name, value in scorer.values(features[layer], samples.targets).items()}
            for layer in progress(own_part(layers), f"{backbone.name}, scores")
        }
    )
    return {layer: values for share in shares for layer, values in share.items()}


def _unscored(
    backbone: Backbone,
    features: Mapping[str, Tensor],
    layers: Mapping[str, Mapping[str, float | None]],
    prior: float | None,
) -> RankedBackbone:
    named = dict(backbone.model.named_parameters())
    head = {name for group in make_layer_groups(list(named)) if group.is_head for name in group.parameter_names}
    parameters = sum(parameter.numel() for name, parameter in named.items() if name not in head)
    return RankedBackbone(
        backbone.name, parameters, features[LAST_HIDDEN_STATE].shape[1], prior, backbone.is_random, {}, layers
    )


def _ordered(
    ranked: Sequence[RankedBackbone], estimates: Mapping[str, Mapping[str, Estimate]], confidence: float
) -> tuple[RankedBackbone, ...]:
    """Give every backbone its scores with intervals and tie groups, and order them by the first score."""
    scores: dict[str, dict[str, Score]] = {model.name: {} for model in ranked}
    for name, of_models in estimates.items():
        finite = {model: estimate for model, estimate in of_models.items() if math.isfinite(estimate.value)}
        groups = tie_groups(finite, confidence)
        for model, estimate in of_models.items():
            if model in finite:
                scores[model][name] = Score(estimate.value, *estimate.interval(confidence), groups[model])
            else:
                scores[model][name] = Score(None, None, None, len(of_models))
    first = next(iter(estimates))

    def place(model: RankedBackbone) -> tuple[int, float]:
        score = scores[model.name][first]
        return score.tie_group, -math.inf if score.value is None else -score.value

    complete = [
        RankedBackbone(m.name, m.parameters, m.channels, m.prior, m.is_random, scores[m.name], m.layers) for m in ranked
    ]
    return tuple(sorted(complete, key=place))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
