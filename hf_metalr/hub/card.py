"""From the learned rates of a run to the facts of its model card."""

from collections.abc import Iterable

from hf_metalr.hub.learned_rates import LearnedRates
from hf_metalr.model_card import CardFacts

# By it the Hub lists an adapter with its base model. PEFT writes local paths behind it too.
_ADAPTER_TAG = "base_model:adapter:"

# Ends of class names, the Hub's task for them, and the end of the auto class that loads them.
_TASKS = {
    "ForImageClassification": ("image-classification", "ForImageClassification"),
    "ForSequenceClassification": ("text-classification", "ForSequenceClassification"),
    "ForTokenClassification": ("token-classification", "ForTokenClassification"),
    "ForSemanticSegmentation": ("image-segmentation", "ForSemanticSegmentation"),
    "ForObjectDetection": ("object-detection", "ForObjectDetection"),
    "ForAudioClassification": ("audio-classification", "ForAudioClassification"),
    "ForQuestionAnswering": ("question-answering", "ForQuestionAnswering"),
    "ForMultipleChoice": ("multiple-choice", "ForMultipleChoice"),
    "ForMaskedLM": ("fill-mask", "ForMaskedLM"),
    "ForCausalLM": ("text-generation", "ForCausalLM"),
    "LMHeadModel": ("text-generation", "ForCausalLM"),
    "ForCTC": ("automatic-speech-recognition", "ForCTC"),
}


def task_of(model_class: str | None) -> str | None:
    """Return the Hub's task of a Transformers class by the end of its name.

    >>> task_of("ViTForImageClassification"), task_of("MyNet")
    ('image-classification', None)
    """
    return next((task for end, (task, _) in _TASKS.items() if (model_class or "").endswith(end)), None)


def has_labels(model_class: str | None) -> bool:
    """Return whether the head of a Transformers class has a size of the task's own, its number of labels.

    >>> has_labels("ViTForImageClassification"), has_labels("GPT2LMHeadModel")
    (True, False)
    """
    return (task_of(model_class) or "").endswith(("classification", "segmentation", "detection"))


def auto_class_of(model_class: str | None) -> str:
    """Return the auto class that loads a Transformers class, or the class itself.

    >>> auto_class_of("ViTForImageClassification"), auto_class_of("GPT2LMHeadModel"), auto_class_of("MyNet")
    ('AutoModelForImageClassification', 'AutoModelForCausalLM', 'MyNet')
    """
    name = model_class or "AutoModel"
    return next((f"AutoModel{auto}" for end, (_, auto) in _TASKS.items() if name.endswith(end)), name)


def card_facts(
    rates: LearnedRates,
    model_name: str,
    repo_id: str | None = None,
    figure_file: str | None = None,
    license: str | None = None,  # noqa: A002  # the name that Transformers and the Hub use
    language: str | list[str] | None = None,
    tags: Iterable[str] = (),
) -> CardFacts:
    """Return what a model card says about a run.

    Args:
        rates: what the run learned.
        model_name: what the model is called.
        repo_id: where the Hub has it; without one the code of the card loads a folder.
        figure_file: picture of the learned rates, relative to the card.
        license: licence id of the Hub.
        language: language code(s) of the data.
        tags: tags besides those of every card of this package.
    """
    groups = rates.layer_groups
    return CardFacts(
        model_name=model_name,
        initial_lrs={group.name: group.first_lr for group in groups},
        learned_lrs={group.name: group.last_lr for group in groups},
        late_lrs={group.name: group.late_lr for group in groups},
        held_groups=tuple(group.name for group in groups if group.held),
        meta_estimator=rates.meta_estimator,
        settings={"lr_update": rates.lr_update, **rates.settings, "seed": rates.seed},
        model_class=rates.loaded_by or auto_class_of(rates.model_class),
        own_code=rates.loaded_by is not None,
        base_model=rates.base_model,
        dataset=rates.dataset,
        dataset_name=rates.dataset_name,
        dataset_text=_run(rates),
        cost_text=_cost(rates),
        task=rates.task,
        num_labels=rates.num_labels,
        results=rates.results,
        figure_file=figure_file,
        versions=rates.versions,
        license=license,
        language=language,
        library=rates.library,
        tags=[tag for tag in tags if not tag.startswith(_ADAPTER_TAG)] + _adapter_tag(rates),
        repo_id=repo_id,
        reproducible=True,
    )


def _adapter_tag(rates: LearnedRates) -> list[str]:
    return [f"{_ADAPTER_TAG}{rates.base_model}"] if rates.library == "peft" and rates.base_model else []


def _run(rates: LearnedRates) -> str:
    parameters = sum(group.parameters for group in rates.layer_groups)
    return f"{rates.steps} optimizer steps of {rates.optimizer} over {parameters:,} trainable parameters."


def _cost(rates: LearnedRates) -> str:
    if rates.train_seconds is None:
        return ""
    text = f"Training took {duration(rates.train_seconds)}"
    learning = time_of_learning(rates)
    if learning is not None:
        text += f", of which learning the rates took {learning}: all that is done around the optimizer's steps for it"
    copies = "two more copies" if rates.meta_estimator == "lookahead" else "one more copy"  # docs/benchmarks.md, Scale
    return f"{text}. It needs {copies} of the trainable parameters in memory."


def time_of_learning(rates: LearnedRates) -> str | None:
    """Return how long MetaLR's own work took, and of what share of the training; None where it was not measured."""
    if rates.metalr_seconds is None:
        return None
    share = f" ({100 * rates.metalr_seconds / rates.train_seconds:.1f} %)" if rates.train_seconds else ""
    return f"{duration(rates.metalr_seconds)}{share}"


def duration(seconds: float) -> str:
    """Write a time as short as it goes.

    >>> duration(0.126), duration(12.4), duration(9000)
    ('0.13 s', '12.4 s', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.2g} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
