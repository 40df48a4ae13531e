"""Rows become what the model is called with, and labels are numbered as the model numbers them."""

import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Image, Value
from PIL import Image as Picture
from transformers import AutoImageProcessor

from hf_metalr.cli.data import Data
from hf_metalr.cli.data.model_inputs import labels_in_model_order, model_batches
from hf_metalr.cli.errors import UserError
from tests.cli.models import NETWORK, save_text_model


def pictures(tmp_path, shades, labels):
    paths = [tmp_path / f"{row}.png" for row in range(len(shades))]
    for path, shade in zip(paths, shades, strict=True):
        Picture.new("L", (40, 40), shade).save(path)
    rows = {"image": list(map(str, paths)), "label": labels}
    return Data(Dataset.from_dict(rows).cast_column("image", Image()), ["image"], "label")


def labelled(labels, names):
    features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
    rows = {"text": ["a"] * len(labels), "label": labels}
    return Data(Dataset.from_dict(rows, features=features), ["text"], "label")


def test_images_are_prepared_by_the_models_own_processor(tmp_path):
    data = pictures(tmp_path, [0, 100, 250], [0, 1, 1])
    batches = model_batches(data, [str(NETWORK)], 2, trust_remote_code=False)
    assert [batch["labels"].tolist() for batch in batches] == [[0, 1], [1]]
    processor = AutoImageProcessor.from_pretrained(NETWORK)
    expected = processor([image.convert("RGB") for image in data.dataset["image"]], return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(torch.cat([batch["pixel_values"] for batch in batches]), expected)


def test_texts_are_padded_and_masked_by_the_models_own_tokenizer(tmp_path):
    folder = str(save_text_model(tmp_path / "bert"))
    data = Data(Dataset.from_dict({"text": ["a cat", "two dogs one cat"], "label": [0, 1]}), ["text"], "label")
    (batch,) = model_batches(data, [folder], 8, trust_remote_code=False)
    assert batch["input_ids"].tolist() == [[2, 5, 6, 3, 0, 0], [2, 8, 9, 10, 6, 3]]
    assert batch["attention_mask"].sum(1).tolist() == [4, 6]


def test_the_second_model_helps_out_with_a_processor(tmp_path):
    data = pictures(tmp_path, [0], [0])
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.json").write_text((NETWORK / "config.json").read_text())
    models = [str(tmp_path / "bare"), str(NETWORK)]
    assert model_batches(data, models, 1, trust_remote_code=False)[0]["pixel_values"].shape == (1, 3, 64, 64)
    with pytest.raises(UserError, match="must have an image processor"):
        model_batches(data, models[:1], 1, trust_remote_code=False)


def test_a_text_model_is_refused_for_images(tmp_path):
    folder = str(save_text_model(tmp_path / "bert"))
    with pytest.raises(UserError, match=r"must have an image processor.*another kind of input"):
        model_batches(pictures(tmp_path, [0], [0]), [folder], 1, trust_remote_code=False)


def test_a_damaged_image_is_named_by_its_row(tmp_path):
    pictures(tmp_path, [9], [0])
    whole = (tmp_path / "0.png").read_bytes()
    contents = [{"bytes": whole}, {"bytes": whole[:45]}, {"bytes": whole}]
    rows = Dataset.from_dict({"image": contents, "label": [0, 1, 1]}).cast_column("image", Image())
    with pytest.raises(UserError, match=r"--input-column 'image' cannot be decoded in row 1:"):
        model_batches(Data(rows, ["image"], "label"), [str(NETWORK)], 2, trust_remote_code=False)
    drawn = Data(rows.select([1]), ["image"], "label", rows=[1])
    with pytest.raises(UserError, match=r"cannot be decoded in row 1:"):  # still the user's row, not the first drawn
        model_batches(drawn, [str(NETWORK)], 2, trust_remote_code=False)


def test_classes_are_matched_by_name_not_by_number():
    # The data number their classes in alphabetical order, the model in its own.
    data = labelled([0, 1, 1], ["cat", "dog"])
    assert labels_in_model_order(data, {0: "dog", 1: "cow", 2: "cat"}) == [2, 0, 0]


def test_a_model_without_names_takes_the_numbers():
    assert labels_in_model_order(labelled([0, 1, 1], ["cat", "dog"]), {0: "LABEL_0", 1: "LABEL_1"}) == [0, 1, 1]


def test_classes_that_the_model_does_not_know_are_refused():
    with pytest.raises(UserError, match=r"does not know: cow\. It knows cat, dog"):
        labels_in_model_order(labelled([0, 1], ["cat", "cow"]), {0: "cat", 1: "dog"})
    numbers = Data(Dataset.from_dict({"text": ["a"] * 2, "label": [0, 5]}), ["text"], "label")
    with pytest.raises(UserError, match="labels 0 to 5, but the model has 2 classes"):
        labels_in_model_order(numbers, {0: "cat", 1: "dog"})


def test_numbers_with_a_fraction_stay_targets():
    data = Data(Dataset.from_dict({"text": ["a"] * 2, "label": [0.5, 7.25]}), ["text"], "label")
    assert labels_in_model_order(data, {0: "LABEL_0"}) == [0.5, 7.25]


def test_pairs_of_texts_reach_the_model_as_pairs(tmp_path):
    folder = str(save_text_model(tmp_path / "bert"))
    rows = {"b": ["dog"], "a": ["a cat"], "label": [0]}
    (batch,) = model_batches(Data(Dataset.from_dict(rows), ["a", "b"], "label"), [folder], 8, trust_remote_code=False)
    assert batch["input_ids"].tolist() == [[2, 5, 6, 3, 7, 3]]  # [CLS] a cat [SEP] dog [SEP]
    assert batch["token_type_ids"].tolist() == [[0, 0, 0, 0, 1, 1]]
