"""Predictions are those of plain `transformers.pipeline`: the saved processor is what comes before the model."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from transformers import pipeline

import hf_metalr
from hf_metalr.cli import main


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_classes_of_images(served_models, images, tmp_path):
    out = tmp_path / "out.csv"
    assert main(["predict", str(served_models["classes"]), "--data", str(images), "--out", str(out)]) == 0
    rows = rows_of(out)
    plain = pipeline("image-classification", model=str(served_models["classes"]))
    assert len(rows) == 24
    assert len({row["p_bright"] for row in rows}) == 24  # the model does look at them
    for row in rows:
        expected = {answer["label"]: answer["score"] for answer in plain(str(images / row["file"]), top_k=None)}
        assert float(row["p_bright"]) == pytest.approx(expected["bright"], abs=1e-6)
        assert float(row["p_dark"]) == pytest.approx(expected["dark"], abs=1e-6)
        assert row["prediction"] == max(expected, key=expected.get)


def test_several_labels_take_a_sigmoid_each(served_models, images):
    plain = pipeline("image-classification", model=str(served_models["labels"]))
    for row in list(hf_metalr.predict(served_models["labels"], images))[:5]:
        answers = plain(str(images / row["file"]), top_k=None, function_to_apply="sigmoid")
        expected = {answer["label"]: answer["score"] for answer in answers}
        assert {name: row[f"p_{name}"] for name in expected} == pytest.approx(expected, abs=1e-6)
        assert set(row["prediction"].split("|")) - {""} == {name for name, p in expected.items() if p > 0.5}


def test_numbers_are_the_models(served_models, images):
    plain = pipeline("image-classification", model=str(served_models["number"]))
    for row in list(hf_metalr.predict(served_models["number"], images))[:5]:
        (answer,) = plain(str(images / row["file"]), function_to_apply="none")
        assert row["prediction"] == pytest.approx(answer["score"], abs=1e-5)
        assert set(row) == {"file", "prediction"}


def test_texts_and_pairs(served_models, tmp_path):
    path = tmp_path / "pairs.csv"
    texts = [("a cat", "two dogs"), ("one dog", "a"), ("a a a a a", "cat")]
    path.write_text("sentence1,sentence2\n" + "".join(f"{a},{b}\n" for a, b in texts))
    plain = pipeline("text-classification", model=str(served_models["texts"]))
    for row, (first, second) in zip(hf_metalr.predict(served_models["texts"], path), texts, strict=True):
        (answers,) = plain([{"text": first, "text_pair": second}], top_k=None)
        expected = {answer["label"]: answer["score"] for answer in answers}
        assert {name: row[f"p_{name}"] for name in expected} == pytest.approx(expected, abs=1e-6)
    for row, (first, _) in zip(
        hf_metalr.predict(served_models["texts"], path, input_column=("sentence1",)), texts, strict=True
    ):
        expected = {answer["label"]: answer["score"] for answer in plain([first], top_k=None)[0]}
        assert row["p_cat"] == pytest.approx(expected["cat"], abs=1e-6)


def test_texts_that_are_cut_are_told(served_models, tmp_path, capsys):
    path = tmp_path / "long.csv"
    path.write_text("text\n" + "a cat " * 20 + "\na dog\n")
    out = tmp_path / "out.csv"
    assert main(["predict", str(served_models["texts"]), "--data", str(path), "--out", str(out)]) == 0
    assert "1 texts fill the 16 tokens that the model takes" in capsys.readouterr().err
    plain = pipeline("text-classification", model=str(served_models["texts"]))
    (answers,) = plain(["a cat " * 20], top_k=None, truncation=True)
    expected = {answer["label"]: answer["score"] for answer in answers}
    assert float(rows_of(out)[0]["p_cat"]) == pytest.approx(expected["cat"], abs=1e-6)


def test_masks_have_the_size_of_the_image_and_the_values_of_the_training(served_models, masked, tmp_path):
    out = tmp_path / "out.csv"
    assert main(["predict", str(served_models["masks"]), "--data", str(masked), "--out", str(out)]) == 0
    plain = pipeline("image-segmentation", model=str(served_models["masks"]))
    rows = rows_of(out)
    assert len(rows) == 12  # the masks beside them are no inputs
    seen = set()
    for row in rows:
        mask = np.asarray(Image.open(tmp_path / row["prediction"]))
        seen |= set(np.unique(mask).tolist())
        for answer in plain(str(masked / row["file"])):
            assert np.array_equal(np.asarray(answer["mask"]) > 0, mask == int(answer["label"]))
        assert float(row["share_255"]) == pytest.approx((mask == 255).mean(), abs=1e-6)
    assert seen == {0, 255}


def test_batches_make_no_difference(served_models, images):
    one, many = (list(hf_metalr.predict(served_models["classes"], images, batch_size=size)) for size in (1, 7))
    assert [row["file"] for row in one] == [row["file"] for row in many]
    assert [row["p_dark"] for row in one] == pytest.approx([row["p_dark"] for row in many], abs=1e-6)
