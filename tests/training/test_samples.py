"""What a model is called with: the processor's geometry for image and mask alike, and messages that name the row."""

import io
import pickle
import re

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, Image, Value
from PIL import Image as Picture
from transformers import BertConfig, BertTokenizerFast, SegformerImageProcessor, ViTImageProcessor

from hf_metalr.training.augmentation import Augmentation
from hf_metalr.training.samples import ImagePreparation, Samples, TextPreparation, collate
from hf_metalr.training.targets import read_targets
from hf_metalr.training.tasks import Task
from tests.cli.models import save_text_model
from tests.training.tables import shaded


def classified(pictures, processor, rows=None, augmentation=None, channels=3):
    dataset = Dataset.from_dict({"image": pictures, "label": [0, 1] * (len(pictures) // 2)})
    task = Task("classification", "image")
    targets = read_targets(dataset, task, ["label"])
    prepare = ImagePreparation(processor, channels)
    rows = range(len(pictures)) if rows is None else rows
    return Samples(dataset, rows, ("image", None), targets, task, prepare, augmentation)


def test_size_mean_and_spread_are_those_of_the_processor():
    processor = ViTImageProcessor(size={"height": 8, "width": 12}, image_mean=[0.2] * 3, image_std=[0.1] * 3)
    samples = classified([Picture.new("L", (30, 20), 51), Picture.new("L", (9, 9), 102)], processor)
    batch = collate([samples[0], samples[1]])
    assert batch["pixel_values"].shape == (2, 3, 8, 12)
    torch.testing.assert_close(batch["pixel_values"].amax((1, 2, 3)), torch.tensor([0.0, 2.0]), atol=1e-4, rtol=0)
    assert batch["labels"].tolist() == [0, 1]


def test_a_sample_is_that_of_its_row():
    processor = ViTImageProcessor(size={"height": 4, "width": 4}, do_normalize=False)
    samples = classified([Picture.new("L", (4, 4), 10 * n) for n in range(6)], processor, rows=[5, 2])
    assert [round(float(sample["pixel_values"].max()) * 255) for sample in (samples[0], samples[1])] == [50, 20]
    assert [int(samples[n]["labels"]) for n in range(len(samples))] == [1, 0]


def test_only_the_samples_that_are_to_be_varied_are():
    processor = ViTImageProcessor(size={"height": 20, "width": 20}, do_normalize=False)
    pictures = [shaded(True, seed) for seed in range(2)]
    plain, mirrored = (classified(pictures, processor, augmentation=a) for a in (None, Augmentation(flip=1.0)))
    assert torch.equal(plain[0]["pixel_values"].flip(-1), mirrored[0]["pixel_values"])


def test_transparent_pixels_show_white_whatever_colour_they_hide():
    processor = ViTImageProcessor(size={"height": 2, "width": 2}, do_normalize=False)
    samples = classified([Picture.new("RGBA", (2, 2), (255, 0, 0, 0))] * 2, processor)
    assert float(samples[0]["pixel_values"].min()) == 1.0


def segmented(picture, mask, processor, augmentation=None):
    dataset = Dataset.from_dict({"image": [picture], "mask": [mask]}).cast_column("mask", Image())
    task = Task("segmentation", "image")
    targets = read_targets(dataset, task, ["mask"])
    prepare = ImagePreparation(processor, 3)
    return Samples(dataset, [0], ("image", "mask"), targets, task, prepare, augmentation)


def test_image_and_mask_take_the_same_way_through_augmentation_and_processor():
    mask = Picture.new("L", (60, 40))
    mask.paste(255, (10, 5, 40, 30))
    processor = SegformerImageProcessor(size={"height": 32, "width": 32}, do_normalize=False)
    for seed in range(5):
        torch.manual_seed(seed)
        augmentation = Augmentation(turn=10, zoom=(0.9, 1.1), shift=0.1, flip=0.5)
        sample = segmented(mask.convert("RGB"), mask, processor, augmentation)[0]
        assert sample["labels"].shape == sample["pixel_values"].shape[1:] == (32, 32)
        counted = sample["labels"] != 255
        agree = (sample["pixel_values"][0] > 0.5) == (sample["labels"] == 1)
        assert agree[counted].float().mean() > 0.95


def test_a_mask_of_another_size_is_refused_by_its_row():
    processor = SegformerImageProcessor(size={"height": 8, "width": 8})
    mask = Picture.fromarray(np.array([[0, 1]], dtype=np.uint8))
    with pytest.raises(
        ValueError, match=r"Row 0 of column 'image'.*must have the image's size \(8, 8\), found \(2, 1\)"
    ):
        segmented(Picture.new("RGB", (8, 8)), mask, processor)[0]


def test_a_damaged_file_is_named_by_its_row():
    content = io.BytesIO()
    shaded(True, 0).save(content, "PNG")
    images = [{"bytes": content.getvalue()[:end], "path": None} for end in (None, 60)]
    features = Features({"image": Image(), "label": Value("int64")})
    dataset = Dataset.from_dict({"image": images, "label": [0, 1]}, features)
    task = Task("classification", "image")
    targets = read_targets(dataset, task, ["label"])
    processor = ViTImageProcessor(size={"height": 8, "width": 8})
    samples = Samples(dataset, [1], ("image", None), targets, task, ImagePreparation(processor, 3))
    with pytest.raises(ValueError, match=r"Row 1 of column 'image' cannot be prepared: .*Remove it"):
        samples[0]


def test_a_damaged_file_is_named_where_it_has_a_name(tmp_path):
    path = tmp_path / "größe.jpg"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 50)  # what Pillow says of it names no file
    features = Features({"image": Image(), "label": Value("int64")})
    dataset = Dataset.from_dict({"image": [str(path)] * 2, "label": [0, 1]}, features)
    task = Task("classification", "image")
    processor = ViTImageProcessor(size={"height": 8, "width": 8})
    targets = read_targets(dataset, task, ["label"])
    samples = Samples(dataset, [0, 1], ("image", None), targets, task, ImagePreparation(processor, 3))
    with pytest.raises(ValueError, match=rf"Row 1 of column 'image' \('{re.escape(str(path))}'\) cannot be prepared"):
        samples[1]


def test_deep_scans_are_refused_rather_than_clipped():
    deep = Picture.fromarray(np.full((8, 8), 4000, dtype=np.uint16))
    with pytest.raises(ValueError, match="more than 8 bits"):
        classified([deep, deep], ViTImageProcessor(size={"height": 8, "width": 8}))[0]


def test_samples_travel_to_the_processes_that_load_them():
    processor = ViTImageProcessor(size={"height": 4, "width": 4})
    samples = classified([Picture.new("L", (4, 4), 10 * n) for n in range(4)], processor, augmentation=Augmentation())
    twin = pickle.loads(pickle.dumps(samples))  # as Windows and macOS start them
    assert all(torch.equal(twin[n]["pixel_values"], samples[n]["pixel_values"]) for n in range(4))


def test_a_pair_of_texts_keeps_its_order_and_is_cut_where_it_is_longer(tmp_path):
    tokenizer = BertTokenizerFast.from_pretrained(save_text_model(tmp_path / "bert"))
    dataset = Dataset.from_dict({"b": ["dog", "a"], "a": ["a cat", "two dogs"], "label": [0, 1]})
    task = Task("classification", "text")
    prepare = TextPreparation(tokenizer, BertConfig(max_position_embeddings=6))
    samples = Samples(dataset, [0, 1], ("a", "b"), read_targets(dataset, task, ["label"]), task, prepare)
    assert samples[0]["input_ids"] == [2, 5, 6, 3, 7, 3]  # [CLS] a cat [SEP] dog [SEP]
    assert prepare("a cat two dogs", "dog")["input_ids"] == [2, 5, 6, 3, 7, 3]
