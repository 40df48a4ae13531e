"""Another size of images: processor, configuration and positions agree, and a reload gives the same answers."""

import json

import pytest
import torch
from PIL import Image
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    BeitConfig,
    BeitForImageClassification,
    CLIPImageProcessor,
    ConvNextImageProcessor,
    DeiTConfig,
    DeiTForImageClassification,
    DeiTImageProcessor,
    DetrImageProcessor,
    Dinov2Config,
    Dinov2ForImageClassification,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

from hf_metalr.data.labels.tasks import Task
from hf_metalr.errors import InputError
from hf_metalr.training.image_size import interpolated, resized_processor
from hf_metalr.training.models import load_model
from tests.cli.models import save_text_model
from tests.training.tables import save_segformer

IMAGES = Task("classification", "image")
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 64, "patch_size": 8}
VITS = {
    "vit": (ViTForImageClassification, ViTConfig(**SMALL, intermediate_size=32)),
    "deit": (DeiTForImageClassification, DeiTConfig(**SMALL, intermediate_size=32)),
    "dinov2": (Dinov2ForImageClassification, Dinov2Config(**SMALL)),
    "beit": (
        BeitForImageClassification,
        BeitConfig(**SMALL, intermediate_size=32, use_absolute_position_embeddings=True),
    ),
    "beit, relative": (
        BeitForImageClassification,
        BeitConfig(**SMALL, intermediate_size=32, use_relative_position_bias=True),
    ),
}
NETWORKS = {
    "resnet": (
        ResNetForImageClassification,
        ResNetConfig(embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], layer_type="basic"),
    )
}


def save(folder, name: str) -> str:
    kind, config = (VITS | NETWORKS)[name]
    torch.manual_seed(0)
    model = kind(config)
    with torch.no_grad():  # tables of positions start at 0 in some
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    ViTImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("name", VITS | NETWORKS)
def test_processor_model_and_reload_agree(tmp_path, name: str) -> None:
    source = save(tmp_path / "model", name)
    loaded = load_model(source, IMAGES, ["a", "b"], image_size=96)
    pixels = loaded.processor(images=Image.effect_noise((70, 50), 60).convert("RGB"), return_tensors="pt").pixel_values
    assert pixels.shape == (1, 3, 96, 96)
    assert any("96 × 96" in note for note in loaded.notes)
    assert not loaded.new  # a head for as many classes is kept
    loaded.model.save_pretrained(tmp_path / "saved")
    loaded.processor.save_pretrained(tmp_path / "saved")
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert config.get("image_size", 96) == 96
    again = AutoModelForImageClassification.from_pretrained(tmp_path / "saved").eval()
    assert dict(AutoImageProcessor.from_pretrained(tmp_path / "saved").size)["height"] == 96
    with torch.no_grad():
        assert torch.equal(again(pixels).logits, loaded.model.eval()(pixels).logits)


@pytest.mark.parametrize("name", VITS)
def test_positions_are_interpolated_as_the_model_itself_would(tmp_path, name: str) -> None:
    # catches: positions drawn anew, tokens of no place stretched with the grid, rows and columns swapped
    source = save(tmp_path, name)
    pixels = torch.randn(1, 3, 96, 96)
    original = AutoModelForImageClassification.from_pretrained(source).eval()
    resized = load_model(source, IMAGES, ["a", "b"], image_size=96).model.eval()
    own = {} if name == "dinov2" else {"interpolate_pos_encoding": True}  # which always does
    with torch.no_grad():
        expected, found = original(pixels, **own).logits, resized(pixels).logits
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_size_that_leaves_pixels_out_is_refused_with_the_nearest(tmp_path) -> None:
    with pytest.raises(InputError, match=r"`image_size` must be a multiple of 8.*found 100.*nearest are 96 and 104"):
        load_model(save(tmp_path, "vit"), IMAGES, ["a", "b"], image_size=100)


def test_texts_have_no_size_of_images(tmp_path) -> None:
    with pytest.raises(InputError, match="`image_size` is for images, but the inputs are texts"):
        load_model(str(save_text_model(tmp_path)), Task("classification", "text"), ["a", "b"], image_size=96)


def test_a_segmentation_takes_a_size_too(tmp_path) -> None:
    loaded = load_model(str(save_segformer(tmp_path)), Task("segmentation", "image"), ["0", "255"], image_size=64)
    batch = loaded.processor(Image.new("RGB", (50, 40)), Image.new("L", (50, 40)), return_tensors="pt")
    assert batch["pixel_values"].shape[-2:] == batch["labels"].shape[-2:] == (64, 64)


@pytest.mark.parametrize(
    ("processor", "size"),
    [
        (DeiTImageProcessor(), {"height": 110, "width": 110}),  # 256 of which 224 are kept
        (CLIPImageProcessor(), {"shortest_edge": 96}),
        (ConvNextImageProcessor(), {"shortest_edge": 96}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_cut_away_keeps_its_share(processor, size: dict[str, int]) -> None:
    changed = resized_processor(processor, 96, "it")
    assert {key: value for key, value in dict(changed.size).items() if value is not None} == size
    assert processor(images=Image.new("RGB", (70, 50)), return_tensors="pt").pixel_values.shape[-1] != 96  # its own


def test_a_processor_that_keeps_the_images_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"`image_size` cannot be 96 for 'it'.*makes 69 × 96 pixels of an image of 50"):
        resized_processor(DetrImageProcessor(), 96, "it")


def test_only_tables_of_square_grids_are_interpolated() -> None:
    table = torch.arange(17.0).reshape(1, 17, 1)  # one token, then 4 × 4 places that grow evenly
    wide = interpolated(table, torch.Size([1, 65, 1]))
    assert wide is not None
    assert wide[0, 0, 0] == 0
    assert wide[0, 1:].reshape(8, 8).diff(dim=1).gt(0).all()
    assert interpolated(table, torch.Size([1, 16, 2])) is None
    assert interpolated(table, torch.Size([1, 30, 1])) is None
