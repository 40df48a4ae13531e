"""The model card of a run with learned rates: plain facts in, a `huggingface_hub.ModelCard` out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from hf_metalr.errors import InputError
from hf_metalr.hub.usage import loading_code, training_code
from hf_metalr.tables import markdown_table

# Metric identifiers of the Hub and names to print, where they differ from the key.
METRIC_NAMES = {
    "accuracy": ("accuracy", "Accuracy"),
    "auroc": ("roc_auc", "AUROC"),
    "balanced_accuracy": ("balanced_accuracy", "Balanced accuracy"),
    "macro_f1": ("f1", "Macro F1"),
}
TAGS = ["metalr", "layer-wise-learning-rates"]
ESTIMATORS = {
    "lookahead": "a look-ahead on another batch (one extra forward and backward pass per meta step)",
    "next_batch": "the gradient of the next training step (no extra pass)",
}
CITATIONS = """\
```bibtex
@inproceedings{chen2023metalr,
  title     = {MetaLR: Meta-tuning of Learning Rates for Transfer Learning in Medical Imaging},
  author    = {Chen, Yixiong and Liu, Li and Li, Jingxian and Jiang, Hua and Ding, Chris and Zhou, Zongwei},
  booktitle = {Medical Image Computing and Computer Assisted Intervention (MICCAI)},
  year      = {2023},
  note      = {arXiv:2206.01408}
}
@article{chen2022rethinking,
  title   = {Rethinking Two Consensuses of the Transferability in Deep Learning},
  author  = {Chen, Yixiong and Li, Jingxian and Ding, Chris and Liu, Li},
  journal = {arXiv preprint arXiv:2212.00399},
  year    = {2022}
}
```"""


@dataclass(frozen=True)
class CardFacts:
    """What a model card says. Whatever is left empty is left out of the card.

    Attributes:
        model_name: what the model is called.
        initial_lrs: the rate each layer group started with, input to output.
        learned_lrs: the base rate each of them ended with; the same groups in the same order.
        meta_estimator: "lookahead" or "next_batch".
        settings: further settings of the run, in the order to print, such as `{"hyper_lr": 0.03}`.
        model_class: the class to load the model with.
        own_code: whether that is, or loads, a class of code that is not Transformers' own.
        base_model: the Hub id of the pre-trained model. A local path is none: describe it in `base_model_text`.
        base_model_text: a sentence about the pre-trained model.
        dataset: the Hub id of the data set.
        dataset_name: what the data set is called.
        dataset_text: a sentence about the data set and its splits.
        cost_text: a sentence about what the training cost.
        task: the task id of the Hub, such as "image-classification".
        num_labels: how many labels the head tells apart, for the code that loads an adapter.
        results: metric values by split, such as `{"test": {"auroc": 0.9}}`. With `task` and `dataset_name` they also
            become the card's machine-readable results; values that are not finite do not.
        figure_file: the picture of the learned rates, a path relative to the card.
        remarks: Markdown paragraphs below the results.
        versions: library versions by name.
        license: the licence id of the Hub, such as "mit".
        language: the language code(s) of the data.
        library: what loads the model: "transformers", "peft", or None for a module of the user's own code.
        tags: tags besides those that every card of this package has.
        repo_id: the Hub id of the model itself.
        late_lrs: the geometric mean of each base rate over the last quarter of training; all groups or none.
        held_groups: groups whose rate was held to the end, so that nothing was learned about it.
        reproducible: whether the settings suffice for code that trains anew; the card then shows it.
    """

    model_name: str
    initial_lrs: Mapping[str, float]
    learned_lrs: Mapping[str, float]
    meta_estimator: str
    settings: Mapping[str, object] = field(default_factory=dict)
    model_class: str = "AutoModel"
    base_model: str | None = None
    base_model_text: str = ""
    dataset: str | None = None
    dataset_name: str | None = None
    dataset_text: str = ""
    cost_text: str = ""
    task: str | None = None
    num_labels: int | None = None
    results: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    figure_file: str | None = None
    remarks: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    license: str | None = None
    language: str | list[str] | None = None
    library: str | None = "transformers"
    tags: Sequence[str] = ()
    repo_id: str | None = None
    late_lrs: Mapping[str, float] = field(default_factory=dict)
    held_groups: Sequence[str] = ()
    reproducible: bool = False
    own_code: bool = False

    def __post_init__(self) -> None:
        if list(self.initial_lrs) != list(self.learned_lrs):
            raise InputError(
                "learned_lrs",
                f"must name the layer groups of `initial_lrs` in the same order, found "
                f"{list(self.learned_lrs)} beside {list(self.initial_lrs)}. Take both from the same run.",
            )
        if self.meta_estimator not in ESTIMATORS:
            raise InputError(
                "meta_estimator",
                f"must be one of {list(ESTIMATORS)}, found {self.meta_estimator!r}. A run without "
                "learned rates has the card of `Trainer.create_model_card`.",
            )


def build_model_card(facts: CardFacts) -> ModelCard:
    """Write the card: metadata as YAML, then how to load the model, results, learned rates, settings and citations.

    Example:
        >>> facts = CardFacts("demo", {"stem": 1e-4, "head": 1e-3}, {"stem": 5e-5, "head": 2e-3}, "lookahead")
        >>> card = build_model_card(facts)
        >>> card.data.tags
        ['metalr', 'layer-wise-learning-rates']
        >>> "| `head` | 1.00e-03 | 2.00e-03 | × 2.00 |" in card.text
        True
    """
    sections = [
        _introduction(facts),
        _section("How to load it", _loading(facts)),
        _section("Results", _results(facts), facts.remarks),
        _section("Learned rates", _learned_rates(facts)),
        _section("Training", facts.base_model_text, facts.dataset_text, _settings(facts)),
        _section("Cost", facts.cost_text),
        _section("How to train one like it", _reproduction(facts)),
        _section("Versions", markdown_table(["library", "version"], list(facts.versions.items()))),
        _section("Citation", CITATIONS),
    ]
    body = "\n\n".join(section for section in sections if section)
    return ModelCard(f"---\n{_metadata(facts).to_yaml()}\n---\n\n{body}\n")


def learned_rates_section(facts: CardFacts) -> str:
    """Return the section with the learned rates, the settings and the cost alone, to be added to another card."""
    return _section("Learned rates", _learned_rates(facts), _settings(facts), facts.cost_text)


def _metadata(facts: CardFacts) -> ModelCardData:
    eval_results = [
        EvalResult(
            task_type=facts.task,
            dataset_type=facts.dataset or facts.dataset_name,
            dataset_name=facts.dataset_name,
            dataset_split=split,
            metric_type=_metric_name(key)[0],
            metric_name=_metric_name(key)[1],
            metric_value=value,
        )
        for split, metrics in facts.results.items()
        for key, value in metrics.items()
        if facts.task and facts.dataset_name and math.isfinite(value)
    ]
    metrics = dict.fromkeys(_metric_name(key)[0] for metrics in facts.results.values() for key in metrics)
    return ModelCardData(
        library_name=facts.library,
        tags=list(dict.fromkeys([*TAGS, *facts.tags])),
        license=facts.license,
        language=facts.language,
        base_model=facts.base_model,
        datasets=[facts.dataset] if facts.dataset else None,
        pipeline_tag=facts.task,
        metrics=list(metrics) or None,
        model_name=facts.model_name if eval_results else None,  # only the results carry it
        eval_results=eval_results or None,
    )


def _introduction(facts: CardFacts) -> str:
    source = f" from [{facts.base_model}](https://huggingface.co/{facts.base_model})" if facts.base_model else ""
    data = f" on {facts.dataset_name}" if facts.dataset_name else ""
    return (
        f"# {facts.model_name}\n\n"
        f"Fine-tuned{source}{data} with `hf_metalr`, which learns one learning rate per layer group while it trains "
        "(MetaLR, [arXiv:2206.01408](https://arxiv.org/abs/2206.01408))."
    )


def _loading(facts: CardFacts) -> str:
    place, own = _place(facts), facts.own_code
    code = loading_code(facts.library, facts.model_class, place, facts.base_model, facts.num_labels, own)
    ordinary = "a Transformers model with code of its own" if own else "an ordinary Transformers model"
    kind = {"transformers": ordinary, "peft": "an ordinary PEFT adapter"}
    return (
        f"```python\n{code}\n```\n\nThe learned rates belong to training; the model is "
        f"{kind.get(facts.library or '', 'an ordinary PyTorch module')} and needs no `hf_metalr`."
    )


def _reproduction(facts: CardFacts) -> str:
    if not facts.reproducible:
        return ""
    settings = {"meta_estimator": facts.meta_estimator, **facts.settings}
    return f"```python\n{training_code(settings, _place(facts))}\n```"


def _place(facts: CardFacts) -> str:
    return facts.repo_id or "path/to/this/folder"


def _results(facts: CardFacts) -> str:
    keys = list(dict.fromkeys(key for metrics in facts.results.values() for key in metrics))
    rows = [
        (split, *(_metric_value(metrics[key]) if key in metrics else "" for key in keys))
        for split, metrics in facts.results.items()
    ]
    return markdown_table(["split", *(_metric_name(key)[1] for key in keys)], rows)


def _learned_rates(facts: CardFacts) -> str:
    late = bool(facts.late_lrs)
    rows = [
        (
            f"`{name}`" + (" (held)" if name in facts.held_groups else ""),
            f"{first:.2e}",
            f"{last:.2e}",
            *([f"{facts.late_lrs[name]:.2e}"] if late else []),
            f"× {last / first:.2f}" if first else "",
        )
        for (name, first), last in zip(facts.initial_lrs.items(), facts.learned_lrs.values(), strict=True)
    ]
    figure = f"![Learned rate of each layer group over the steps]({facts.figure_file})\n\n" if facts.figure_file else ""
    explanation = (
        "Base rates from input to output; the schedule's factor multiplies them. They were judged by "
        f"{ESTIMATORS[facts.meta_estimator]}.\n\n"
    )
    header = ["layer group", "initial", "learned", *(["last quarter"] if late else []), "change"]
    return explanation + figure + markdown_table(header, rows)


def _settings(facts: CardFacts) -> str:
    settings = {"meta_estimator": facts.meta_estimator, **facts.settings}
    return markdown_table(
        ["setting", "value"],
        [(f"`{name}`", "not stated" if value is None else str(value)) for name, value in settings.items()],
    )


def _metric_name(key: str) -> tuple[str, str]:
    return METRIC_NAMES.get(key, (key, key))


def _metric_value(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "undefined"


def _section(title: str, *parts: str) -> str:
    kept = "\n\n".join(part for part in parts if part)
    return f"## {title}\n\n{kept}" if kept else ""
