"""The code that a model card shows: how to load the model, and how to train another one like it."""

import json
from collections.abc import Mapping

# A file that only the author has, or a word for the comment below; and what the launcher decides.
_NOT_IN_CODE = {"init_lrs", "world_size"}
_NOT_FINITE = ("inf", "-inf", "nan")


def loading_code(
    library: str | None,
    model_class: str,
    repo_id: str,
    base_model: str | None,
    num_labels: int | None = None,
    own_code: bool = False,
) -> str:
    """Return Python code that loads a model.

    Args:
        library: "transformers", "peft", or None for a module of the user's own code.
        model_class: the class to load it with; of an adapter, that of its base model.
        repo_id: Hub id or folder of the model.
        base_model: Hub id of an adapter's base model.
        num_labels: of the adapter's head; the base model's own has another number, as a rule.
        own_code: whether the class (of an adapter: its base model's) is none of Transformers: an auto class then takes
            it from the folder, and any other class only the author has.

    >>> print(loading_code("transformers", "AutoModel", "me/model", None))
    from transformers import AutoModel
    <BLANKLINE>
    model = AutoModel.from_pretrained("me/model")
    """
    trusted = ", trust_remote_code=True" if own_code and model_class.startswith("Auto") else ""
    head = f", num_labels={num_labels}, ignore_mismatched_sizes=True" if num_labels else ""
    start = f"from transformers import {model_class}\n\n"
    if own_code and not trusted:
        start = f"# {model_class} is a class of the author's own code\n\n"
    if library == "transformers":
        return f'{start}model = {model_class}.from_pretrained("{repo_id}"{trusted})'
    if library == "peft":
        return (
            f"from peft import PeftModel\n{start}"
            f'base = {model_class}.from_pretrained("{base_model or "the/base-model"}"{head}{trusted})\n'
            f'model = PeftModel.from_pretrained(base, "{repo_id}")'
        )
    return (
        "from huggingface_hub import hf_hub_download\nfrom safetensors.torch import load_file\n\n"
        f"model = {model_class}(...)  # of the author's own code\n"
        f'model.load_state_dict(load_file(hf_hub_download("{repo_id}", "model.safetensors")))'
    )


def training_code(settings: Mapping[str, object], repo_id: str) -> str:
    """Return Python code that trains with the same settings, and a line that starts from the learned rates.

    Args:
        settings: fields of `MetaLRTrainingArguments`, and what the launcher decides; None where not stated.
        repo_id: Hub id or folder of the model.

    >>> print(training_code({"learning_rate": 1e-3}, "me/model"))
    from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments
    <BLANKLINE>
    args = MetaLRTrainingArguments(
        output_dir="out",
        learning_rate=0.001,
        # init_lrs="me/model",  # to start from the rates learned here
    )
    trainer = MetaLRTrainer(model=model, args=args, train_dataset=train_dataset)
    trainer.train()
    """
    arguments = [
        f"{name}={_python(value)}" for name, value in settings.items() if name not in _NOT_IN_CODE and value is not None
    ]
    lines = "".join(f"    {argument},\n" for argument in ['output_dir="out"', *arguments])
    return (
        "from hf_metalr import MetaLRTrainer, MetaLRTrainingArguments\n\n"
        f"args = MetaLRTrainingArguments(\n{lines}"
        f'    # init_lrs="{repo_id}",  # to start from the rates learned here\n)\n'
        "trainer = MetaLRTrainer(model=model, args=args, train_dataset=train_dataset)\ntrainer.train()"
    )


def _python(value: object) -> str:
    if value in _NOT_FINITE:  # as JSON has them
        return f'float("{value}")'
    return json.dumps(value) if isinstance(value, str) else str(value)
