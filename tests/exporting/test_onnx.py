"""`hf-metalr export`: the file answers as the model does, and nothing appears that does not."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import hf_metalr
from hf_metalr.cli import main
from hf_metalr.exporting import onnx as module

runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def run(*arguments: object) -> int:
    return main(["export", *map(str, arguments)])


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_a_program_with_the_two_files_alone_gives_the_predictions(served_models, images, tmp_path, capsys):
    out = tmp_path / "model.onnx"
    assert run(served_models["classes"], "--format", "onnx", "--data", images, "--out", out, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["any_batch"]
    assert told["difference"] <= 1e-4
    assert (
        {file.name for file in tmp_path.iterdir()} == set(told["files"]) == {"model.onnx", "model.preprocessing.json"}
    )
    how = json.loads((tmp_path / "model.preprocessing.json").read_text())
    settings, pixels = how["image"]["processor"], []
    files = sorted(images.rglob("*.png"))[:5]
    for file in files:  # by the JSON alone
        size = (settings["size"]["width"], settings["size"]["height"])
        image = Image.open(file).convert("RGB").resize(size, settings["resample"])
        values = np.asarray(image) * settings["rescale_factor"]
        pixels.append(((values - settings["image_mean"]) / settings["image_std"]).transpose(2, 0, 1))
    session = runtime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    (logits,) = session.run([how["output"]], {how["inputs"][0]: np.stack(pixels).astype(np.float32)})
    assert how["probabilities"] == "softmax"
    expected = {row["file"]: row for row in hf_metalr.predict(served_models["classes"], images)}
    for file, found in zip(files, softmax(logits), strict=True):
        row = expected[file.relative_to(images).as_posix()]
        assert found.tolist() == pytest.approx([row[f"p_{name}"] for name in how["classes"]], abs=1e-4)


def test_texts_of_any_length_by_the_saved_tokenizer(served_models, tmp_path):
    from tokenizers import Tokenizer

    table = tmp_path / "texts.csv"
    table.write_text("text\na cat\none dog\ntwo dogs a cat\na\n")
    hf_metalr.export_onnx(served_models["texts"], tmp_path / "model.onnx", data=[str(table)])
    how = json.loads((tmp_path / "model.preprocessing.json").read_text())
    tokenizer = Tokenizer.from_file(str(tmp_path / how["text"]["tokenizer"]))
    tokenizer.enable_padding(pad_id=how["text"]["pad_token_id"])
    encoded = tokenizer.encode_batch(["a cat", "two dogs a cat"])
    known = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
    feed = {name: np.array([getattr(one, known[name]) for one in encoded]) for name in how["inputs"]}
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], feed)
    rows = list(hf_metalr.predict(served_models["texts"], table))
    found = softmax(logits)[:, how["classes"].index("cat")]
    assert found.tolist() == pytest.approx([rows[0]["p_cat"], rows[2]["p_cat"]], abs=1e-4)


def test_masks(served_models, masked, tmp_path):
    result = hf_metalr.export_onnx(served_models["masks"], tmp_path / "masks.onnx", data=[str(masked)])
    assert result.difference <= 1e-4
    assert result.checked_on.startswith("8 images of ")


def test_without_data_made_up_inputs_are_told(served_models, tmp_path, capsys):
    assert run(served_models["classes"], "--out", tmp_path / "model.onnx") == 0
    output = capsys.readouterr()
    assert "the export is checked on made-up ones" in output.err
    assert "on 8 made-up images" in output.out


def test_an_export_that_answers_otherwise_never_appears(served_models, images, tmp_path, capsys, monkeypatch):
    original = module._write

    def skewed(network, inputs, file, shapes):
        bias = network.model.classifier.bias.data
        bias += 1e-3
        original(network, inputs, file, shapes)
        bias -= 1e-3

    monkeypatch.setattr(module, "_write", skewed)
    assert run(served_models["classes"], "--data", images, "--out", tmp_path / "model.onnx") == 1
    assert "answers otherwise than the model" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_takes_one_batch_size_alone_is_exported_for_one_input(
    served_models, images, tmp_path, capsys, monkeypatch
):
    original = module._write

    def stubborn(network, inputs, file, shapes):
        if len(inputs[0]) > 1:
            raise RuntimeError("Constraints violated (batch)!")
        original(network, inputs, file, shapes)

    monkeypatch.setattr(module, "_write", stubborn)
    assert run(served_models["classes"], "--data", images, "--out", tmp_path / "model.onnx") == 0
    output = capsys.readouterr()
    assert "no export for batches of any size (Constraints violated (batch)!)" in output.err
    assert "one input at a time" in output.out


def test_what_is_missing_or_in_the_way_is_told(served_models, images, tmp_path, capsys, monkeypatch):
    out = tmp_path / "model.onnx"
    out.write_text("mine")
    assert run(served_models["classes"], "--data", images, "--out", out) == 1
    assert "must be a new file" in capsys.readouterr().err
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert run(served_models["classes"], "--out", tmp_path / "other.onnx") == 1
    assert "onnx needs onnx, onnxscript, onnxruntime, not installed here: `pip install 'hf-metalr[onnx]'`" in (
        capsys.readouterr().err
    )
    assert out.read_text() == "mine"


def test_a_model_without_a_processor(served_models, images, tmp_path, capsys):
    model = shutil.copytree(served_models["classes"], tmp_path / "model")
    (model / "preprocessor_config.json").unlink()
    assert run(model, "--data", images, "--out", tmp_path / "model.onnx") == 1
    assert "has no image processor" in capsys.readouterr().err
    assert {file.name for file in tmp_path.iterdir()} == {"model"}
