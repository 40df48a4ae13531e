"""Rankings of real, tiny backbones: the numbers are those of the scores, in the order that the data demand."""

import gc
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Image, List, Value, concatenate_datasets, disable_progress_bars
from transformers import AutoModel, AutoModelForImageClassification
from transformers.utils import logging

from hf_metalr import rank_backbones, scores
from hf_metalr.features import LAST_HIDDEN_STATE, pooled_features
from hf_metalr.ranking import Ranking
from hf_metalr.ranking.scoring import H_SCORE, LEEP, LINEAR_PROBE, LOG_EVIDENCE, NEAREST_NEIGHBOR
from tests.ranking.tiny import (
    Colours,
    image_data,
    pictures,
    processor,
    save_bert,
    save_convnext,
    save_vit,
    text_data,
    to_pixels,
    tokenizer,
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


def test_leep_reads_the_head_of_the_source(two, vit):
    dataset = image_data()
    inputs = processor()(images=dataset["image"][:], return_tensors="pt")
    with torch.no_grad():
        probabilities = AutoModelForImageClassification.from_pretrained(vit).eval()(**inputs).logits.softmax(-1)
    expected = scores.log_expected_empirical_prediction(probabilities, torch.tensor(dataset["label"][:]))
    assert next(model for model in two.models if model.name == vit).scores[LEEP].value == pytest.approx(
        expected, rel=1e-4
    )


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


def test_texts_are_ranked(tmp_path):
    bert = save_bert(tmp_path / "bert")
    ranking = rank_backbones([bert], text_data())
    model = AutoModel.from_pretrained(bert)
    batch = tokenizer()(text_data()["text"][:], padding=True, return_tensors="pt")
    feature = pooled_features(model, [dict(batch)])[LAST_HIDDEN_STATE]
    labels = torch.tensor(text_data()["label"][:])
    assert ranking.models[0].scores[LOG_EVIDENCE].value == pytest.approx(
        scores.log_maximum_evidence(feature, labels), rel=1e-3
    )
    assert list(ranking.models[0].layers) == ["embeddings", "layer.0", "layer.1", LAST_HIDDEN_STATE]
    assert LEEP not in ranking.score_names  # no model has a source head
    pair = rank_backbones({"mine": (model, tokenizer())}, text_data())
    for layer, values in ranking.models[0].layers.items():
        assert pair.models[0].layers[layer] == pytest.approx(values)


@pytest.mark.parametrize(
    ("feature", "targets", "task"),
    [
        (Value("float32"), [index % 3 + 0.25 for index in range(48)], "regression"),
        (List(Value("int64")), [[int(index % 3 == c) for c in range(4)] for index in range(48)], "multi-label"),
    ],
)
def test_targets_without_classes_are_scored_by_evidence_alone(vit, feature, targets, task):
    data = Dataset.from_dict(
        {"image": pictures(48), "label": targets}, features=Features({"image": Image(), "label": feature})
    )
    ranking = rank_backbones([vit], data)
    assert ranking.score_names == (LOG_EVIDENCE,)
    assert ranking.settings["task"] == task
    assert ranking.classes is None
    score = ranking.models[0].scores[LOG_EVIDENCE]
    assert score.low < score.value < score.high
    assert "LogME" in str(ranking)


def test_a_part_keeps_the_share_of_each_class(vit):
    data = image_data(48, classes=3)
    kept = [row for row in range(48) if row % 3 != 2 or row % 6 == 2]  # 16, 16 and 8
    ranking = rank_backbones([vit], data.select(kept), max_samples=20, scores=[NEAREST_NEIGHBOR])
    assert ranking.samples == 20
    assert ranking.chance[NEAREST_NEIGHBOR] == 8 / 20


def test_columns_are_found_or_named(vit):
    data = image_data().rename_columns({"image": "scan", "label": "finding"}).add_column("text", ["a"] * 48)
    ranking = rank_backbones([vit], data, scores=[H_SCORE])
    again = rank_backbones([vit], data, scores=[H_SCORE], input_column="scan", label_column="finding")
    assert ranking == again


def test_transforms_of_the_data_set_are_passed_over(vit, convnext, two):
    data = image_data().with_transform(lambda batch: {"pixel_values": batch["image"], "labels": batch["label"]})
    again = rank_backbones([vit, convnext], data, scores=[NEAREST_NEIGHBOR])
    assert {m.name: m.scores[NEAREST_NEIGHBOR] for m in again.models} == {
        m.name: m.scores[NEAREST_NEIGHBOR] for m in two.models
    }


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
    rank_backbones([vit], image_data(), scores=[H_SCORE])
    assert Path(vit).name in capsys.readouterr().err
    disable_progress_bars()
    logging.disable_progress_bar()
    rank_backbones([vit], image_data(), scores=[H_SCORE])
    assert capsys.readouterr().err == ""


def test_of_rows_with_the_same_input_the_first_is_scored(vit):
    # catches: a neighbour that is the sample itself, and evidence that is infinite because a sample occurs twice
    data = image_data()
    repeated = concatenate_datasets([data, data.select(range(0, 48, 2))])
    ranking = rank_backbones([vit], repeated, scores=[NEAREST_NEIGHBOR, LOG_EVIDENCE])
    once = rank_backbones([vit], data, scores=[NEAREST_NEIGHBOR, LOG_EVIDENCE])
    assert ranking.models == once.models
    assert ranking.notes == ("24 rows are left out: earlier ones hold the same input.", *once.notes)


def test_labels_that_a_part_lacks_are_left_out(vit):
    rows = [[1, 0, 0] if index % 2 else [0, 1, 0] for index in range(47)] + [[0, 0, 1]]
    data = Dataset.from_dict(
        {"image": pictures(48), "label": rows}, features=Features({"image": Image(), "label": List(Value("int64"))})
    )
    assert rank_backbones([vit], data, max_samples=12).models[0].scores[LOG_EVIDENCE].value is not None


def test_images_by_path_leave_no_file_open(vit, tmp_path):
    paths = []
    for index, picture in enumerate(pictures(24)):
        paths.append(str(tmp_path / f"{index}.png"))
        picture.save(paths[-1])
    features = Features({"image": Image(), "label": ClassLabel(num_classes=3)})
    data = Dataset.from_dict({"image": paths, "label": [index % 3 for index in range(24)]}, features=features)
    ranking = rank_backbones([vit], data, scores=[H_SCORE])
    assert ranking.models == rank_backbones([vit], image_data(24), scores=[H_SCORE]).models
    Path(paths[5]).write_bytes(Path(paths[5]).read_bytes()[:300])
    with pytest.raises(ValueError, match="found none in row 5"):
        rank_backbones([vit], data, scores=[H_SCORE])
    gc.collect()  # an open file would speak up here, and warnings are errors
