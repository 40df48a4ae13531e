"""What a model is called with: the processor's geometry for image and mask alike, one by one as in batches."""

import io
import pickle

import numpy as np
import pytest
import torch
from PIL import Image as Picture
from PIL.Image import Resampling
from transformers import (
    AutoImageProcessor,
    BertTokenizerFast,
    CLIPImageProcessor,
    PreTrainedTokenizerFast,
    SegformerImageProcessor,
    ViTConfig,
    ViTImageProcessor,
)

from hf_metalr.data.images.decode import ImageRefused, decode
from hf_metalr.data.images.masks import IGNORED, class_map, read_mask
from hf_metalr.data.inputs.batches import TextCollator, collate
from hf_metalr.data.inputs.prepare import ImagePreparation, TextPreparation, input_channels
from hf_metalr.errors import InputError
from hf_metalr.training.augmentation import Augmentation
from tests.cli.models import NETWORK, save_text_model


def test_size_mean_and_spread_are_those_of_the_processor():
    processor = ViTImageProcessor(size={"height": 8, "width": 12}, image_mean=[0.2] * 3, image_std=[0.1] * 3)
    batch = ImagePreparation(processor).batch([Picture.new("L", (30, 20), 51), Picture.new("L", (9, 9), 102)])
    assert batch["pixel_values"].shape == (2, 3, 8, 12)
    torch.testing.assert_close(batch["pixel_values"].amax((1, 2, 3)), torch.tensor([0.0, 2.0]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_one_image_and_a_batch_give_the_same_tensors(channels):
    generator = np.random.default_rng(0)
    sizes = [(30, 41), (64, 64), (17, 90), (30, 41)]
    images = [Picture.fromarray(generator.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]
    own = {"image_mean": [0.4] * channels, "image_std": [0.2] * channels}
    processors = [
        ViTImageProcessor(size={"height": 24, "width": 32}, **own),
        CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32, **own),
    ]
    if channels == 3:
        processors.append(AutoImageProcessor.from_pretrained(NETWORK))
    for processor in processors:
        prepare = ImagePreparation(processor, channels)
        batch = prepare.batch(images)
        assert batch["pixel_values"].shape[1] == channels
        for number, image in enumerate(images):
            assert torch.equal(prepare(image)["pixel_values"], batch["pixel_values"][number])
        if channels == 3:  # as the processor itself makes a batch
            together = processor(images, return_tensors="pt")
            torch.testing.assert_close(together["pixel_values"], batch["pixel_values"])


def test_hidden_colours_and_deep_pixels_reach_no_model():
    content = io.BytesIO()
    Picture.new("RGBA", (2, 2), (255, 0, 0, 0)).save(content, "PNG")
    prepare = ImagePreparation(ViTImageProcessor(size={"height": 2, "width": 2}, do_normalize=False))
    for image in (decode(content.getvalue()), Picture.open(content)):
        assert float(prepare(image)["pixel_values"].min()) == 1.0
    with pytest.raises(ImageRefused, match="more than 8 bits"):
        prepare(Picture.new("I;16", (2, 2), 4000))


def test_image_and_mask_take_the_same_way_through_augmentation_and_processor():
    mask = Picture.new("L", (60, 40))
    mask.paste(255, (10, 5, 40, 30))
    content = io.BytesIO()
    mask.save(content, "PNG")
    classes = Picture.fromarray(class_map(read_mask(content.getvalue())[0], {0: 0, 255: 1}))
    prepare = ImagePreparation(SegformerImageProcessor(size={"height": 32, "width": 32}, do_normalize=False))
    for seed in range(5):
        torch.manual_seed(seed)
        augmentation = Augmentation(turn=10, zoom=(0.9, 1.1), shift=0.1, flip=0.5)
        image, varied = augmentation(mask.convert("RGB"), classes, mask_fill=IGNORED)
        sample = prepare(image, varied)
        assert sample["labels"].shape == sample["pixel_values"].shape[1:] == (32, 32)
        counted = sample["labels"] != IGNORED
        agree = (sample["pixel_values"][0] > 0.5) == (sample["labels"] == 1)
        assert agree[counted].float().mean() > 0.95


def test_images_of_different_sizes_make_no_batch():
    prepare = ImagePreparation(ViTImageProcessor(do_resize=False))
    with pytest.raises(InputError, match=r"leaves images of different sizes .*set `batch_size` to 1"):
        prepare.batch([Picture.new("L", (4, 4)), Picture.new("L", (5, 5))])


def test_the_channels_that_a_model_takes():
    assert input_channels(ViTConfig(num_channels=1)) == 1
    assert input_channels(ViTConfig()) == 3
    nested = type("Config", (), {"backbone_config": ViTConfig(num_channels=1)})()
    assert input_channels(nested) == 1
    assert input_channels(type("Timm", (), {"pretrained_cfg": {"input_size": [1, 28, 28]}})()) == 1
    assert input_channels(object()) == 3


@pytest.fixture
def tokenizer(tmp_path):
    return BertTokenizerFast.from_pretrained(save_text_model(tmp_path / "bert"))


def test_a_pair_of_texts_keeps_its_order_and_is_cut_where_it_is_longer(tokenizer):
    prepare = TextPreparation(tokenizer, 6)
    assert prepare("a cat", "dog")["input_ids"] == [2, 5, 6, 3, 7, 3]  # [CLS] a cat [SEP] dog [SEP]
    assert prepare("a cat two dogs", "dog")["input_ids"] == [2, 5, 6, 3, 7, 3]


def test_one_text_and_a_batch_give_the_same_numbers(tokenizer):
    prepare = TextPreparation(tokenizer, 5)
    texts, second = ["a cat", "two dogs one cat a dog", "dog"], ["dog", "a", "one cat"]
    for pair in (None, second):
        batch = prepare.batch(texts, pair)
        assert batch["input_ids"].shape == (3, 5)
        samples = [prepare(*inputs) for inputs in zip(texts, *([pair] if pair else []), strict=True)]
        padded = TextCollator(tokenizer)([sample | {"labels": torch.tensor(0)} for sample in samples])
        for name, values in batch.items():
            assert torch.equal(values, padded[name])


def test_texts_that_are_cut_are_counted_and_told(tokenizer, caplog):
    texts = ["a cat", "two dogs one cat a dog", "dog", "two dogs one cat"]
    with caplog.at_level("INFO"):
        assert TextPreparation(tokenizer, 5).count_cut(texts) == 2
        assert TextPreparation(tokenizer, 8).count_cut(texts) == 0
        assert TextPreparation(tokenizer, 8).count_cut(texts, texts) == 2
    assert caplog.messages == [
        "2 of 4 texts are longer than 5 tokens and are cut",
        "2 of 4 pairs of texts are longer than 8 tokens and are cut",
    ]


def test_a_tokenizer_that_cannot_pad_is_refused(tokenizer):
    bare = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer)
    with pytest.raises(InputError, match="no padding token"):
        TextPreparation(bare, 5).batch(["a", "a cat"])


def test_preparations_travel_to_the_processes_that_load_samples(tokenizer):
    image = Picture.new("L", (9, 9), 70).resize((5, 5), Resampling.NEAREST)
    for prepare, inputs in (
        (ImagePreparation(ViTImageProcessor(size={"height": 4, "width": 4})), image),
        (TextPreparation(tokenizer, 4), "a cat"),
    ):
        twin = pickle.loads(pickle.dumps(prepare))  # as Windows and macOS start them
        assert {n: np.asarray(v).tolist() for n, v in twin(inputs).items()} == {
            n: np.asarray(v).tolist() for n, v in prepare(inputs).items()
        }


def test_labels_are_stacked_beside_images():
    batch = collate([{"pixel_values": torch.zeros(3, 2, 2), "labels": torch.tensor(label)} for label in (1, 0)])
    assert batch["labels"].tolist() == [1, 0]
