"""What a trainer writes for others: the record of its rates, and the card."""

import copy
import json
import math
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import ModelCard
from transformers import Trainer

from hf_metalr import MetaLRMixin, plotting
from hf_metalr.engine.history import read_history
from hf_metalr.hub import LEARNED_RATES_NAME, LearnedRates, figure
from hf_metalr.trainer.outcome import late_lrs, results_of
from tests.trainer.tiny import ESTIMATORS, Images, arguments, make_trainer, make_vit


def trained(folder: Path, **settings: Any) -> Any:
    trainer = make_trainer(folder, **({"lr_update": "log_adam", "max_steps": 8} | settings))
    trainer.train()
    return trainer


def record(folder: Path) -> LearnedRates:
    return LearnedRates.load(folder / LEARNED_RATES_NAME)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_record_holds_what_the_history_and_the_trainer_say(tmp_path: Path, estimator: str) -> None:
    trainer = trained(tmp_path, meta_estimator=estimator, backbone_lr_scale=0.1, warmup_steps=2)
    rates, rows = record(tmp_path), read_history(tmp_path / "metalr_history.jsonl")
    assert {group.name: group.last_lr for group in rates.layer_groups} == trainer.learning_rates
    for group in rates.layer_groups:
        assert group.first_lr == pytest.approx(1e-3 if group.is_head else 1e-4)
    late = [row["base_lr"] for row in rows if row["step"] in (7, 8)]  # the last quarter of 8 steps
    for group in rates.layer_groups:
        assert group.late_lr == pytest.approx(math.prod(lrs[group.name] for lrs in late) ** (1 / len(late)))
    own = {name: value.numel() for name, value in trainer.model.named_parameters()}
    assert sum(group.parameters for group in rates.layer_groups) == sum(own.values())
    assert next(group.parameters for group in rates.layer_groups if group.is_head) == sum(
        count for name, count in own.items() if name.startswith("classifier")
    )
    assert (rates.meta_estimator, rates.steps, rates.seed, rates.optimizer) == (estimator, 8, 3, "AdamW")
    assert rates.settings["backbone_lr_scale"] == 0.1
    assert rates.settings["hyper_lr"] == 0.2  # the default that was at work
    assert "meta_split" not in rates.settings


def test_settings_of_any_kind_are_written(tmp_path: Path) -> None:
    patterns = {r"layers?\.\d+": "body"}
    trained(tmp_path, layer_groups=patterns, max_grad_norm=math.inf, hyper_lr_decay=20)
    settings = record(tmp_path).settings
    assert json.loads(settings["layer_groups"]) == patterns  # as the argument takes it, too
    assert settings["max_grad_norm"] == "inf"
    assert settings["hyper_lr_decay"] == 20
    assert [group.name for group in record(tmp_path).layer_groups] == ["embeddings", "body", "norm", "head"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"meta_estimator": "next_batch"}, (0.2, 20.0, 5, True)),
        ({"meta_estimator": "next_batch", "meta_every": 2}, (0.2, 20.0, 1, True)),
        ({"meta_estimator": "lookahead", "hyper_lr_decay": math.inf}, (0.2, "inf", 1, True)),
        ({"meta_estimator": "next_batch", "lr_update": "proportional"}, (0.1, None, 1, True)),
        ({"meta_estimator": "next_batch", "optim": "sgd"}, (0.2, 20.0, 5, False)),
        ({"meta_estimator": "next_batch", "trust_region": False, "meta_horizon": 3}, (0.2, 20.0, 3, False)),
    ],
    ids=str,
)
def test_the_record_and_the_card_say_what_acted_not_what_was_left_out(
    tmp_path: Path, settings: dict[str, Any], expected: tuple
) -> None:
    trained(tmp_path, **({"trust_region": True, "max_steps": 3} | settings)).create_model_card()
    found = record(tmp_path).settings
    names = ("hyper_lr", "hyper_lr_decay", "meta_horizon", "trust_region")
    assert tuple(found.get(name) for name in names) == expected
    text = ModelCard.load(tmp_path / "README.md").text
    code = text.split("## How to train one like it")[1].split("```python\n")[1].split("trainer =")[0]
    for name, value in zip(names, expected, strict=True):
        assert (f"| `{name}` | {value} |" in text) == (value is not None)
    again: dict[str, Any] = {}
    exec(code, again)  # infinity, too, is written as Python
    config = again["args"].metalr_config()
    assert (config.effective_hyper_lr, config.effective_horizon, config.trust_region) == (
        expected[0],
        expected[2],
        expected[3],
    )


def test_rates_began_where_the_trust_region_let_them_resumed_or_not(tmp_path: Path) -> None:
    # catches: the rate that was asked for; and the region of the weights at the checkpoint
    saving = {"save_strategy": "steps", "save_steps": 4, "trust_region": True, "learning_rate": 1e-2}
    straight = trained(tmp_path / "straight", **saving)
    first = {group.name: group.first_lr for group in record(tmp_path / "straight").layer_groups}
    bounds = straight.metalr.lr_bounds
    assert first == {name: min(max(1e-2, bounds[name].low), bounds[name].high) for name in bounds}
    assert min(first.values()) < 1e-2
    resumed = make_trainer(tmp_path / "resumed", **(saving | {"lr_update": "log_adam", "max_steps": 8}))
    resumed.train(resume_from_checkpoint=str(tmp_path / "straight" / "checkpoint-4"))
    assert {group.name: group.first_lr for group in record(tmp_path / "resumed").layer_groups} == first


def test_a_rate_that_is_held_to_the_end_is_marked(tmp_path: Path) -> None:
    trained(tmp_path, head_hold_steps=8)
    assert [group.name for group in record(tmp_path).layer_groups if group.held] == ["head"]
    trained(tmp_path, head_hold_steps=7)
    assert [group.name for group in record(tmp_path).layer_groups if group.held] == []


def test_a_resumed_run_writes_the_record_of_the_straight_one(tmp_path: Path) -> None:
    trained(tmp_path / "straight", save_strategy="steps", save_steps=4)
    checkpoint = tmp_path / "straight" / "checkpoint-4"
    assert not (checkpoint / LEARNED_RATES_NAME).exists()
    resumed = make_trainer(tmp_path / "resumed", lr_update="log_adam", max_steps=8)
    resumed.train(resume_from_checkpoint=str(checkpoint))
    straight = record(tmp_path / "straight")
    assert record(tmp_path / "resumed").layer_groups == straight.layer_groups
    assert len({group.last_lr for group in straight.layer_groups}) > 3


def test_saving_elsewhere_takes_the_record_along_but_only_once_something_was_learned(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, lr_update="log_adam")
    trainer.save_model(str(tmp_path / "before"))
    assert not (tmp_path / "before" / LEARNED_RATES_NAME).exists()
    trainer.train()
    trainer.save_model(str(tmp_path / "after"))
    assert record(tmp_path / "after").layer_groups == record(tmp_path).layer_groups


def test_without_learned_rates_all_is_as_in_trainer(tmp_path: Path) -> None:
    trainer = trained(tmp_path, meta_estimator="off")
    trainer.save_model()
    trainer.create_model_card(license="mit")
    assert not (tmp_path / LEARNED_RATES_NAME).exists()
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.tags == ["generated_from_trainer"]
    assert "Learned rates" not in card.text


def test_the_card_takes_the_arguments_of_trainer_by_position_too(tmp_path: Path) -> None:
    trainer = trained(tmp_path, eval_dataset=Images(7), eval_strategy="epoch")
    trainer.create_model_card("en", "mit", ["medical"], "scans", "google/vit", None, ["me/scans"], None, "64 px")
    card = ModelCard.load(tmp_path / "README.md")
    assert (card.data.language, card.data.license, card.data.datasets) == (["en"], "mit", ["me/scans"])
    assert card.data.base_model == "google/vit"
    assert "64 px" in card.text
    assert card.data.eval_results[0].dataset_name == "me/scans"
    assert record(tmp_path).dataset == "me/scans"  # so that the card can be rebuilt


def test_neither_card_nor_record_hold_a_local_path(tmp_path: Path) -> None:
    folder = tmp_path / "home-of-dr-jones"
    make_vit().save_pretrained(folder / "base")
    trained(folder / "before")
    model = type(make_vit()).from_pretrained(folder / "base")
    trainer = trained(folder / "out", model=model, init_lrs=str(folder / "before"), hub_token="hf_secret")
    trainer.create_model_card()
    text = b"".join((folder / "out" / name).read_bytes() for name in (LEARNED_RATES_NAME, "README.md"))
    assert b"dr-jones" not in text
    assert b"hf_secret" not in text
    assert record(folder / "out").settings["init_lrs"] == "a local file"


def test_results_are_those_of_the_saved_model(tmp_path: Path) -> None:
    trainer = trained(tmp_path)
    trainer.state.log_history = [
        {"eval_loss": 0.1, "eval_runtime": 1.0, "step": 2},
        {"eval_loss": 0.3, "eval_accuracy": math.nan, "step": 8},
        {"train_runtime": 5.0, "step": 8},
    ]
    assert results_of(trainer) == {"evaluation": {"loss": 0.3}}
    trainer.args.load_best_model_at_end = True
    trainer.state.best_global_step = 2
    assert results_of(trainer) == {"evaluation": {"loss": 0.1}}
    trainer.state.log_history += [{"test_loss": 0.2, "step": 8}, {"eval_loss": 0.09, "step": 8}]
    assert results_of(trainer) == {"evaluation": {"loss": 0.09}, "test": {"loss": 0.2}}


def test_the_late_rate_of_a_frozen_group_is_0_and_a_lost_history_no_error(tmp_path: Path) -> None:
    history = tmp_path / "h.jsonl"
    assert late_lrs(history) == {}
    rows = [{"step": step, "base_lr": {"a": 10.0**-step, "b": 0.0}} for step in range(1, 9)]
    history.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert late_lrs(history) == {"a": pytest.approx(10**-7.5), "b": 0.0}
    trainer = trained(tmp_path / "run")
    (tmp_path / "run" / "metalr_history.jsonl").unlink()
    trainer.create_model_card()
    assert [group.late_lr for group in record(tmp_path / "run").layer_groups] == list(trainer.learning_rates.values())
    assert "![" not in (tmp_path / "run" / "README.md").read_text()


def test_without_matplotlib_the_card_has_no_figure_and_one_line_says_so(tmp_path: Path, monkeypatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(figure.logger, "warning", said.append)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    trained(tmp_path).create_model_card()
    (line,) = said
    assert "The model card has no figure: Plots need matplotlib" in line
    assert "\n" not in line
    assert "![" not in (tmp_path / "README.md").read_text()


def test_a_long_history_is_thinned_to_what_a_picture_can_show(tmp_path: Path, monkeypatch) -> None:
    trainer = trained(tmp_path)
    drawn: list[int] = []
    plot = plotting.plot_learning_rates
    monkeypatch.setattr(plotting, "plot_learning_rates", lambda rows, heads: drawn.append(len(rows)) or plot(rows))
    monkeypatch.setattr(figure, "MOST_POINTS", 3)
    trainer.create_model_card()
    assert drawn == [3]


class WithOwnCard(Trainer):
    def create_model_card(self, model_name: str | None = None, dataset_name: str | None = None) -> None:
        ModelCard(f"---\ntags: [own]\n---\n\n# Own {dataset_name}\n").save(Path(self.args.output_dir) / "README.md")


class LearningWithOwnCard(MetaLRMixin, WithOwnCard):
    pass


def test_a_parent_with_a_card_of_its_own_keeps_it(tmp_path: Path) -> None:
    args = arguments(tmp_path, lr_update="log_adam")
    trainer = LearningWithOwnCard(model=make_vit(), args=args, train_dataset=Images(48))
    trainer.train()
    trainer.create_model_card(dataset_name="scans")
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.tags == ["own", "metalr", "layer-wise-learning-rates"]
    assert card.text.strip().startswith("# Own scans")
    assert f"| `head` | 1.00e-03 | {trainer.learning_rates['head']:.2e} |" in card.text
    assert ", of which learning the rates took " in card.text


def test_the_token_works_but_is_in_no_pickle_and_no_text(tmp_path: Path) -> None:
    args = arguments(tmp_path, hub_token="hf_secret")
    assert args.hub_token == "hf_secret"
    assert copy.deepcopy(args).hub_token == copy.copy(args).hub_token == "hf_secret"
    assert pickle.loads(pickle.dumps(args)).hub_token is None
    torch.save(args, tmp_path / "args.bin")
    assert b"hf_secret" not in (tmp_path / "args.bin").read_bytes()
    for text in (repr(args), str(args), args.to_json_string()):
        assert "hf_secret" not in text
