"""Rates that start from a saved profile: direction, bounds, matching, and files that are refused."""

import dataclasses
import json
import math

import pytest
from transformers.utils import logging

from hf_metalr.engine.rates import base_lrs
from hf_metalr.trainer import warm_start
from hf_metalr.trainer.warm_start import factors_of_profile
from tests.trainer.tiny import make_trainer
from tests.transferability.test_profile import PROFILE, make_layer


def profile_of(**ratios: float):
    layers = tuple(make_layer(name.replace("_", "."), ratio) for name, ratio in ratios.items())
    return dataclasses.replace(PROFILE, layers=(*layers, make_layer("head", 1.0, is_head=True)))


def start_rates(tmp_path, profile, **settings) -> dict[str, float]:
    path = tmp_path / "profile.json"
    profile.save(path)
    trainer = make_trainer(tmp_path, init_lrs=str(path), max_steps=1, **settings)
    trainer.create_optimizer_and_scheduler(4)
    return base_lrs(trainer.optimizer)


def test_a_layer_that_moved_far_starts_higher_and_the_middle_stays() -> None:
    factors = factors_of_profile(profile_of(a=2.0, b=4.0, c=8.0))
    assert factors == pytest.approx({"a": math.sqrt(2), "b": 1.0, "c": math.sqrt(0.5)})
    assert math.prod(factors.values()) == pytest.approx(1)


def test_factors_are_clipped_and_an_unmoved_layer_gets_the_lowest() -> None:
    factors = factors_of_profile(profile_of(a=1e-4, b=1.0, c=1e4, d=math.inf))
    assert factors == pytest.approx({"a": 3, "b": 1, "c": 1 / 3, "d": 1 / 3})
    assert factors_of_profile(profile_of(a=math.nan, b=2.0)) == {"b": 1.0}


@pytest.mark.parametrize("estimator", ["lookahead", "off"])
def test_rates_are_learning_rate_times_factor_and_the_head_keeps_its_own(tmp_path, estimator) -> None:
    profile = profile_of(embeddings=4.0, layer_0=1.0, layer_1=16.0)
    rates = start_rates(tmp_path, profile, meta_estimator=estimator)
    assert {name: rates[name] for name in ("embeddings", "layer.0", "layer.1", "head")} == pytest.approx(
        {"embeddings": 1e-3, "layer.0": 2e-3, "layer.1": 0.5e-3, "head": 1e-3}
    )
    scaled = start_rates(tmp_path, profile, meta_estimator=estimator, backbone_lr_scale=0.1)
    assert scaled["layer.0"] == pytest.approx(2e-4)


def test_misfits_are_reported_in_one_warning(tmp_path, monkeypatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(warm_start.logger, "warning", warnings.append)
    profile = dataclasses.replace(profile_of(layer_0=1.0, layer_9=4.0), left_out={"norm": "no weights that count"})
    rates = start_rates(tmp_path, profile)
    (warning,) = warnings
    assert "usual rate: ['embeddings', 'layer.1']" in warning
    assert "passed over: ['layer.9']" in warning
    assert rates["layer.1"] == rates["norm"] == 1e-3


def test_a_whole_run_trains_from_them(tmp_path) -> None:
    logging.set_verbosity_error()
    path = tmp_path / "profile.json"
    first = make_trainer(tmp_path / "first", report_transferability=True)
    first.train()
    first.transferability_profile.save(path)
    second = make_trainer(tmp_path / "second", init_lrs=str(path))
    second.train()
    assert len(set(second.learning_rates.values())) > 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not valid JSON"),
        (json.dumps({"schema": "rates"}), r"or a transferability profile .* found schema 'rates'"),
        (json.dumps(PROFILE.to_dict() | {"steps": -3}), "'steps' must be an integer"),
        (json.dumps(profile_of(block_7=2.0).to_dict()), "names none of the model's layer groups"),
    ],
)
def test_unusable_files_are_refused_before_training(tmp_path, content, message) -> None:
    path = tmp_path / "profile.json"
    path.write_text(content, encoding="utf-8")
    trainer = make_trainer(tmp_path, init_lrs=str(path))
    with pytest.raises(ValueError, match=message):
        trainer.train()
    with pytest.raises(ValueError, match="is no file"):
        make_trainer(tmp_path, init_lrs=str(tmp_path / "absent.json")).train()
