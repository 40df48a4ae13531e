"""The trainer's own profile: of exactly what it fine-tuned, also after a resume, without a trace in training."""

import dataclasses
import re

import pytest
import torch

from hf_metalr.trainer.transferability_report import require_reportable
from hf_metalr.transferability import TransferabilityProfile, transferability_profile
from tests.trainer.tiny import Images, assert_equal_weights, make_trainer, make_vit, weights
from tests.transferability.test_random_end import OwnParameter


@pytest.mark.parametrize("estimator", ["lookahead", "off"])
def test_it_is_the_profile_of_the_start_and_the_end(tmp_path, estimator) -> None:
    start = make_vit()
    trainer = make_trainer(tmp_path, report_transferability=True, meta_estimator=estimator)
    trainer.train()
    profile = trainer.transferability_profile
    assert profile.layers == transferability_profile(trainer.model, start, seed=3).layers
    assert (profile.samples, profile.steps, profile.learning_rate) == (48, 6, 1e-3)
    assert "adamw_torch" in profile.recipe
    assert f"meta_estimator {estimator}" in profile.recipe
    assert TransferabilityProfile.load(tmp_path / "transferability.json") == profile


def test_training_is_untouched_bit_for_bit(tmp_path) -> None:
    reporting = make_trainer(tmp_path, report_transferability=True)
    reporting.train()
    plain = make_trainer(tmp_path)
    plain.train()
    assert_equal_weights(reporting.model, plain.model)
    assert plain.transferability_profile is None


def test_a_resumed_run_has_the_profile_of_the_straight_one(tmp_path) -> None:
    # measured from the checkpoint's weights the second half alone would count
    straight = make_trainer(tmp_path / "straight", report_transferability=True)
    straight.train()
    settings = {"report_transferability": True, "save_strategy": "steps", "save_steps": 3}
    make_trainer(tmp_path / "cut", **settings).train()
    resumed = make_trainer(tmp_path / "cut", **settings)
    resumed.train(resume_from_checkpoint=str(tmp_path / "cut" / "checkpoint-3"))
    assert resumed.transferability_profile == straight.transferability_profile


def test_a_second_training_is_still_measured_from_the_given_model(tmp_path) -> None:
    start = make_vit()
    trainer = make_trainer(tmp_path, report_transferability=True)
    for _ in range(2):
        trainer.train()
    moved = trainer.transferability_profile.layers[0].distance_from_pretrained
    twin = transferability_profile(trainer.model, start, random_draws=1).layers[0]
    assert moved == twin.distance_from_pretrained


def test_model_init_is_measured_from_the_model_of_each_training(tmp_path) -> None:
    made = []

    def model_init():
        model = make_vit()
        with torch.no_grad():
            model.vit.embeddings.patch_embeddings.projection.weight.add_(len(made))
        made.append(weights(model))
        return model

    trainer = make_trainer(tmp_path, report_transferability=True, model_init=model_init)
    trainer.train()
    expected = transferability_profile(trainer.model, made[-1], make_vit())
    found = {layer.name: layer.distance_from_pretrained for layer in trainer.transferability_profile.layers}
    assert found == {layer.name: layer.distance_from_pretrained for layer in expected.layers}


def test_the_summary_is_logged(tmp_path, caplog, monkeypatch) -> None:
    from hf_metalr.trainer import transferability_report

    lines: list[str] = []
    monkeypatch.setattr(transferability_report.logger, "info", lines.append)
    trainer = make_trainer(tmp_path, report_transferability=True)
    trainer.train()
    assert lines == [trainer.transferability_profile.summary()]


def test_what_could_not_be_reported_is_refused_before_training(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"without reset_parameters \(scale\)"):
        make_trainer(tmp_path, model=OwnParameter(), train=Images(4), report_transferability=True)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # from PEFT
def test_sharded_and_adapted_models_are_refused_before_training(tmp_path) -> None:
    trainer = make_trainer(tmp_path)
    require_reportable(trainer, trainer.model)
    trainer.is_fsdp_enabled = True  # accelerate makes no FSDP run without an accelerator
    with pytest.raises(ValueError, match=r"needs whole parameters.*call `hf_metalr.transferability_profile`"):
        require_reportable(trainer, trainer.model)
    peft = pytest.importorskip("peft")
    adapted = peft.get_peft_model(make_vit(), peft.LoraConfig(target_modules=["fc1"], r=2))
    with pytest.raises(ValueError, match="merge_and_unload"):
        make_trainer(tmp_path, model=adapted, report_transferability=True)


def test_only_weights_that_trained_have_a_ratio(tmp_path) -> None:
    model = make_vit()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(re.search(r"layers?\.0\.", name) is None)
    trainer = make_trainer(tmp_path, model=model, report_transferability=True)
    trainer.train()
    verdicts = trainer.transferability_profile.verdicts()
    assert verdicts["layer.0"] == "freeze"
    moved = dataclasses.asdict(trainer.transferability_profile.layers[0])["distance_from_pretrained"]
    assert moved > 0
