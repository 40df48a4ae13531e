"""Rankings of real, tiny backbones: the numbers are those of the scores, in the order that the data demand."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from datasets import disable_progress_bars
from transformers import AutoModelForImageClassification
from transformers.utils import logging

from hf_metalr import rank_backbones, scores
from hf_metalr.features import LAST_HIDDEN_STATE, pooled_features
from hf_metalr.ranking import Ranking
from hf_metalr.ranking.scoring import H_SCORE, LEEP, LINEAR_PROBE, LOG_EVIDENCE, NEAREST_NEIGHBOR
from tests.ranking.tiny import (
    Colours,
    image_data,
    processor,
    save_convnext,
    save_vit,
    to_pixels,
)
from tests.trainer.tiny import make_vit


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_vit(tmp_path_factory.mktemp("models") / "vit")


@pytest.fixture(scope="module")
def convnext(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_convnext(tmp_path_factory.mktemp("models") / "convnext")


@pytest.fixture(scope="module")
def two(vit: str, convnext: str) -> Ranking:
    return rank_backbones([vit, convnext], image_data())


def test_the_three_lines_of_the_example(vit, convnext, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = image_data()

    ranking = rank_backbones([vit, convnext], dataset)
    print(ranking)  # noqa: T201
    ranking.plot()
    ranking.save("ranking.json")

    assert Ranking.load("ranking.json") == ranking


def test_numbers_are_the_scores_of_pooled_features(two, vit):
    # catches: shuffled rows or labels, another layer, features from training mode
    dataset = image_data()
    batches = [
        dict(processor()(images=dataset["image"][start : start + 16], return_tensors="pt")) for start in (0, 16, 32)
    ]
    features = pooled_features(AutoModelForImageClassification.from_pretrained(vit), batches)
    labels = torch.tensor(dataset["label"][:])
    model = next(model for model in two.models if model.name == vit)
    assert list(model.layers) == list(features)
    for layer, feature in features.items():
        expected = {
            NEAREST_NEIGHBOR: scores.nearest_neighbor_accuracy(feature, labels, 5),
            LINEAR_PROBE: scores.linear_probe_accuracy(feature, labels, 5),
            LOG_EVIDENCE: scores.log_maximum_evidence(feature, labels),
            H_SCORE: scores.shrinkage_h_score(feature, labels),
        }
        assert model.layers[layer] == pytest.approx(expected, rel=1e-4)
    for name, value in model.layers[LAST_HIDDEN_STATE].items():
        assert model.scores[name].value == pytest.approx(value)
    assert model.channels == 16
    assert two.samples == 48
    assert two.classes == 3
    assert two.chance[NEAREST_NEIGHBOR] == pytest.approx(1 / 3)


def test_leep_reads_the_head_of_the_source(vit, tmp_path):
    # catches: rows of probabilities in another order than the labels
    # sorted, since LEEP cannot see labels that change places in a cycle
    dataset, decided = (
        image_data().select(sorted(range(48), key=lambda row: row % 3)),
        AutoModelForImageClassification.from_pretrained(vit).eval(),
    )
    with torch.no_grad():
        decided.classifier.weight.mul_(6)  # a fresh head answers nearly the same to all, in whatever order
        inputs = processor()(images=dataset["image"][:], return_tensors="pt")
        decided.classifier.bias.sub_(decided(**inputs).logits.mean(0))  # nor may one class take them all
        probabilities = decided(**inputs).logits.softmax(-1)
    decided.save_pretrained(tmp_path)
    processor().save_pretrained(tmp_path)
    labels = torch.tensor(dataset["label"][:])
    expected = scores.log_expected_empirical_prediction(probabilities, labels)
    assert abs(scores.log_expected_empirical_prediction(probabilities.roll(7, 0), labels) - expected) > 0.01
    (model,) = rank_backbones([str(tmp_path)], dataset, batch_size=7).models
    assert model.scores[LEEP].value == pytest.approx(expected, rel=1e-4)


def test_a_backbone_that_sees_is_ahead_of_a_blind_one():
    models = {"blind": (Colours(False), to_pixels), "sees": (Colours(True), to_pixels)}
    ranking = rank_backbones(models, image_data(noise=80.0), scores=[NEAREST_NEIGHBOR, LOG_EVIDENCE])
    assert [model.name for model in ranking.models] == ["sees", "blind"]
    assert [model.scores[NEAREST_NEIGHBOR].tie_group for model in ranking.models] == [1, 2]
    sees, blind = ranking.models
    assert sees.scores[NEAREST_NEIGHBOR].low > ranking.chance[NEAREST_NEIGHBOR]
    assert blind.scores[LOG_EVIDENCE].value == pytest.approx(ranking.chance[LOG_EVIDENCE], abs=0.01)
    assert ranking.notes == ("Not above chance at 95%: blind.",)
    assert sees.parameters == 6 * 3 + 6 + 6 * 6 + 6  # without the head


def test_the_same_backbone_twice_is_tied(vit):
    ranking = rank_backbones({"one": vit, "other": vit}, image_data(), scores=[LINEAR_PROBE, H_SCORE])
    assert {score.tie_group for model in ranking.models for score in model.scores.values()} == {1}
    assert any("All models are tied" in note for note in ranking.notes)


def test_the_order_is_that_of_the_first_score(vit, convnext):
    for first in (H_SCORE, LINEAR_PROBE):
        ranking = rank_backbones([vit, convnext], image_data(), scores=[first])
        values = [model.scores[first].value for model in ranking.models]
        assert values == sorted(values, reverse=True)
        assert ranking.score_names == (first,)


def test_nothing_random_remains(vit):
    chosen = [LINEAR_PROBE, H_SCORE]
    first = rank_backbones([vit], image_data(), scores=chosen)
    torch.manual_seed(123)
    state = torch.get_rng_state()
    assert rank_backbones([vit], image_data(), scores=chosen) == first
    assert torch.equal(torch.get_rng_state(), state)
    other = rank_backbones([vit], image_data(), scores=chosen, seed=1)
    assert other.models[0].scores[H_SCORE].low != first.models[0].scores[H_SCORE].low


def test_batches_do_not_matter(vit, convnext, two):
    other = rank_backbones([vit, convnext], image_data(), batch_size=7, scores=[LOG_EVIDENCE])
    others = {model.name: model for model in other.models}
    for model in two.models:
        again = others[model.name]
        for layer, values in model.layers.items():
            assert again.layers[layer][LOG_EVIDENCE] == pytest.approx(values[LOG_EVIDENCE], rel=1e-3)


def test_modules_are_left_as_they_were():
    model = make_vit(dropout=0.5).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rank_backbones({"mine": (model, processor())}, image_data(), dtype="bfloat16", scores=[NEAREST_NEIGHBOR])
    assert model.training
    assert model.dtype == torch.float32
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_bfloat16_changes_little(vit, two):
    half = rank_backbones([vit], image_data(), dtype=torch.bfloat16, scores=[LOG_EVIDENCE])
    full = next(model for model in two.models if model.name == vit)
    assert half.settings["dtype"] == "bfloat16"
    assert half.models[0].scores[LOG_EVIDENCE].value == pytest.approx(full.scores[LOG_EVIDENCE].value, abs=0.02)
    assert half.models[0].scores[LOG_EVIDENCE].value != full.scores[LOG_EVIDENCE].value


def test_checkpoints_in_half_precision_are_run_in_full(tmp_path, two, vit):
    full = AutoModelForImageClassification.from_pretrained(vit)
    full.half().save_pretrained(tmp_path)
    processor().save_pretrained(tmp_path)
    ranking = rank_backbones([tmp_path], image_data(), scores=[LOG_EVIDENCE])
    assert ranking.settings["dtype"] == "float32"
    assert ranking.models[0].name == str(tmp_path)
    original = next(model for model in two.models if model.name == vit)
    rounded = ranking.models[0].scores[LOG_EVIDENCE].value
    assert rounded == pytest.approx(original.scores[LOG_EVIDENCE].value, abs=1e-3)  # the weights were rounded once


def test_twins_are_random_and_repeatable(vit):
    chosen = [NEAREST_NEIGHBOR, H_SCORE, LEEP]
    first = rank_backbones([vit], image_data(), random_twins=True, scores=chosen)
    assert {model.name for model in first.models} == {vit, f"{vit} (random)"}
    twin = next(model for model in first.models if model.is_random)
    assert twin.scores[H_SCORE] != first.models[1 - first.models.index(twin)].scores[H_SCORE]
    assert LEEP not in twin.scores  # its head knows nothing
    assert twin.prior is None
    again = rank_backbones([vit], image_data(), random_twins=True, scores=chosen)
    assert again == first
    assert first.picks() == {"score": vit, "prior": vit}


def test_clip_gives_its_tower_of_images(tmp_path):
    import transformers as hf

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    text = {"vocab_size": 11, "max_position_embeddings": 8, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = hf.CLIPConfig(
        vision_config={**sizes, "image_size": 16, "patch_size": 8}, text_config={**sizes, **text}, projection_dim=8
    )
    model = hf.CLIPModel(config)
    model.save_pretrained(tmp_path)
    processor().save_pretrained(tmp_path)
    ranking = rank_backbones([tmp_path], image_data(), scores=[LOG_EVIDENCE])
    batch = dict(processor()(images=image_data()["image"][:], return_tensors="pt"))
    feature = pooled_features(model.vision_model, [batch])[LAST_HIDDEN_STATE]
    expected = scores.log_maximum_evidence(feature, torch.tensor(image_data()["label"][:]))
    assert ranking.models[0].scores[LOG_EVIDENCE].value == pytest.approx(expected, rel=1e-3)


def test_priors_make_the_second_pick(two):
    small, large = two.models[1], two.models[0]
    assert two.picks()["score"] == large.name
    by_size = max(two.models, key=lambda model: model.parameters).name
    assert two.picks()["prior"] == by_size
    with_prior = replace(two, models=(replace(large, prior=0.7), replace(small, prior=0.8)))
    assert with_prior.picks() == {"score": large.name, "prior": small.name}
    assert "fine-tune both" in str(with_prior)


def test_given_priors_are_shown(vit, convnext):
    ranking = rank_backbones([vit, convnext], image_data(), priors={vit: 0.81}, scores=[NEAREST_NEIGHBOR])
    assert {model.name: model.prior for model in ranking.models} == {vit: 0.81, convnext: None}
    assert "0.81" in str(ranking)


def test_progress_bars_can_be_switched_off(vit, capsys, request):
    request.addfinalizer(logging.enable_progress_bar)
    logging.enable_progress_bar()  # another test may have switched them off
    rank_backbones([vit], image_data(), scores=[H_SCORE])
    assert Path(vit).name in capsys.readouterr().err
    disable_progress_bars()
    logging.disable_progress_bar()
    rank_backbones([vit], image_data(), scores=[H_SCORE])
    assert capsys.readouterr().err == ""
