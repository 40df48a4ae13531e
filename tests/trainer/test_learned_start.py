"""Rates that start where another run ended: matching by name, bounds, and what is said about misfits."""

from dataclasses import replace

import pytest

from hf_metalr.engine.rates import base_lrs
from hf_metalr.hub import LayerRate, LearnedRates
from hf_metalr.trainer import warm_start
from tests.trainer.tiny import make_trainer, make_vit


def run_of(**late_lrs: float) -> LearnedRates:
    groups = tuple(
        LayerRate(name.replace("_", "."), name == "head", False, 10, 1e-3, 9e-3, lr) for name, lr in late_lrs.items()
    )
    return LearnedRates(groups, "lookahead", "log_adam", "AdamW", 100, 0)


WHOLE = {"embeddings": 1e-4, "layer_0": 2e-4, "layer_1": 3e-4, "norm": 4e-4, "head": 5e-3}


@pytest.fixture
def said(monkeypatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(warm_start.logger, "warning", lines.append)
    return lines


def start_rates(tmp_path, run: LearnedRates, model=None, **settings) -> dict[str, float]:
    run.save(tmp_path / "metalr.json")
    trainer = make_trainer(tmp_path / "out", model, init_lrs=str(tmp_path), max_steps=1, **settings)
    trainer.create_optimizer_and_scheduler(4)
    return base_lrs(trainer.optimizer)


@pytest.mark.parametrize("estimator", ["lookahead", "next_batch", "off"])
def test_rates_start_where_they_ended_whatever_the_learning_rate_is(tmp_path, said, estimator) -> None:
    rates = start_rates(tmp_path, run_of(**WHOLE), meta_estimator=estimator, learning_rate=7e-3, backbone_lr_scale=0.1)
    assert rates == {name.replace("_", "."): pytest.approx(lr) for name, lr in WHOLE.items()}
    assert said == []


def test_a_deeper_model_with_another_head_takes_what_both_have(tmp_path, said) -> None:
    model = make_vit(num_hidden_layers=4, num_labels=3)
    rates = start_rates(tmp_path, run_of(**WHOLE, layer_9=1e-5), model)
    assert rates["layer.1"] == pytest.approx(3e-4)
    assert rates["layer.2"] == rates["layer.3"] == 1e-3
    assert rates["head"] == pytest.approx(5e-3)
    (line,) = said
    assert "layer groups that it does not name start at their usual rate: ['layer.2', 'layer.3']" in line
    assert "names that the model does not have are passed over: ['layer.9']" in line


def test_a_rate_that_was_held_or_0_teaches_nothing(tmp_path, said) -> None:
    run = run_of(**(WHOLE | {"layer_0": 0.0}))
    held = replace(run, layer_groups=(*run.layer_groups[:-1], replace(run.layer_groups[-1], held=True)))
    rates = start_rates(tmp_path, held)
    assert rates["head"] == rates["layer.0"] == 1e-3
    assert said == [f"init_lrs={str(tmp_path)!r}: so do those whose rate it held: ['layer.0', 'head']."]


def test_rates_are_moved_into_the_bounds_with_a_word(tmp_path, said) -> None:
    rates = start_rates(tmp_path, run_of(**WHOLE), min_lr=2.5e-4, max_lr=1e-3)
    assert rates["embeddings"] == rates["layer.0"] == pytest.approx(2.5e-4)
    assert rates["head"] == pytest.approx(1e-3)
    (line,) = said
    assert (
        "outside min_lr=0.00025 and max_lr=0.001 start at the nearest bound: ['embeddings', 'layer.0', 'head']" in line
    )


def test_another_optimizer_is_told(tmp_path, said) -> None:
    start_rates(tmp_path, run_of(**WHOLE), optim="sgd")
    (line,) = said
    assert "learned with AdamW and this run has SGD" in line


def test_many_misfits_are_summarised(tmp_path, said) -> None:
    start_rates(tmp_path, run_of(**WHOLE, **{f"layer_{number}": 1e-4 for number in range(10, 30)}))
    (line,) = said
    assert line.endswith("'layer.14'] and 15 more.")


@pytest.mark.parametrize("names", [{"stage_1": 1e-4}, {"layer_0": 0.0}])
def test_a_file_that_teaches_nothing_is_refused(tmp_path, names) -> None:
    with pytest.raises(ValueError, match="has learned rates for none of the model's layer groups"):
        start_rates(tmp_path, run_of(**names))


def test_the_second_run_really_trains_from_the_first_ones_rates(tmp_path) -> None:
    first = make_trainer(tmp_path / "first", lr_update="log_adam", max_steps=8)
    first.train()
    settings = {"lr_update": "log_adam", "init_lrs": str(tmp_path / "first"), "learning_rate": 5e-3}
    second = make_trainer(tmp_path / "second", **settings)
    second.train()
    ended = LearnedRates.load(tmp_path / "first" / "metalr.json").layer_groups
    began = LearnedRates.load(tmp_path / "second" / "metalr.json").layer_groups
    assert [group.first_lr for group in began] == pytest.approx([group.late_lr for group in ended])
    assert [group.last_lr for group in began] != [group.first_lr for group in began]
