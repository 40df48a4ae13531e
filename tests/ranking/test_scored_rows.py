"""From a data set to samples: columns, parts, copies, texts, and targets other than classes."""

import gc
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Image, List, Value, concatenate_datasets
from PIL import Image as Pillow
from transformers import AutoModel

from hf_metalr import rank_backbones, scores
from hf_metalr.features import LAST_HIDDEN_STATE, pooled_features
from hf_metalr.ranking.scoring import H_SCORE, LEEP, LOG_EVIDENCE, NEAREST_NEIGHBOR
from tests.ranking.tiny import Colours, image_data, pictures, save_bert, save_vit, text_data, to_pixels, tokenizer


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_vit(tmp_path_factory.mktemp("models") / "vit")


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


def test_transforms_of_the_data_set_are_passed_over(vit):
    data = image_data().with_transform(lambda batch: {"pixel_values": batch["image"], "labels": batch["label"]})
    plain = rank_backbones([vit], image_data(), scores=[NEAREST_NEIGHBOR])
    assert rank_backbones([vit], data, scores=[NEAREST_NEIGHBOR]) == plain


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
    with pytest.raises(ValueError, match=r"'5\.png': it is damaged"):
        rank_backbones([vit], data, scores=[H_SCORE])
    gc.collect()  # an open file would speak up here, and warnings are errors


def test_images_of_more_than_8_bits_are_refused():
    # catches: a scan clipped at 255, in silence
    values = np.arange(24 * 256, dtype=np.uint16).reshape(24, 16, 16)
    images = [Pillow.fromarray(image) for image in values]
    dataset = Dataset.from_dict({"image": images, "label": [0, 1] * 12}).cast_column("image", Image())
    with pytest.raises(ValueError, match="it has 16 bits per channel"):
        rank_backbones({"mine": (Colours(True), to_pixels)}, dataset)
