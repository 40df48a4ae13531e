"""The affine map by its parts, the mask by the same geometry, and the sides of a body."""

import numpy as np
import pytest
import torch
from PIL import Image

from hf_metalr.training.augmentation import LIGHT, MEDICAL, Augmentation


def picture(size=(32, 24), seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(1, 255, size[::-1], dtype=np.uint8))


def test_without_bounds_nothing_changes():
    image = picture()
    varied, _ = Augmentation()(image)
    assert np.array_equal(varied, image)


def test_a_sure_flip_is_the_mirror_image():
    image = picture()
    varied, mask = Augmentation(flip=1.0)(image, image)
    assert np.array_equal(varied, np.asarray(image)[:, ::-1])
    assert np.array_equal(mask, np.asarray(image)[:, ::-1])


def test_a_fixed_zoom_shows_the_middle_part():
    image = Image.new("L", (40, 40))
    image.paste(255, (10, 10, 30, 30))
    varied, _ = Augmentation(zoom=(2.0, 2.0))(image)
    assert np.asarray(varied)[1:-1, 1:-1].min() == 255  # the square of half the side fills the picture
    out, _ = Augmentation(zoom=(0.5, 0.5))(image)
    assert np.asarray(out).astype(bool).sum() == pytest.approx(10 * 10, rel=0.25)


def test_the_mask_goes_where_its_image_goes_and_holds_classes_only():
    mask = Image.new("L", (64, 48))
    mask.paste(3, (10, 5, 30, 40))
    image = mask.point(lambda value: value * 80)
    for seed in range(5):
        torch.manual_seed(seed)
        varied, moved = Augmentation(turn=15, zoom=(0.8, 1.2), shift=0.1, flip=0.5)(image, mask, mask_fill=255)
        values = set(np.unique(moved))
        assert values <= {0, 3, 255}
        inside = np.asarray(moved) == 3
        assert inside.sum() > 100
        agree = (np.asarray(varied) > 120) == inside
        assert agree.mean() > 0.97  # but for the blurred edge


def test_shift_and_turn_stay_within_their_bounds():
    image = Image.new("L", (100, 100))
    image.putpixel((50, 50), 255)
    for seed in range(20):
        torch.manual_seed(seed)
        row, column = np.unravel_index(np.asarray(Augmentation(shift=0.1)(image)[0]).argmax(), (100, 100))
        assert max(abs(row - 50), abs(column - 50)) <= 11


def test_medical_never_mirrors_and_light_does():
    left = Image.new("L", (64, 64))
    left.paste(255, (0, 0, 24, 64))
    sides = {}
    for name, augmentation in {"medical": MEDICAL, "light": LIGHT}.items():
        torch.manual_seed(0)
        halves = [np.asarray(augmentation(left)[0]) for _ in range(30)]
        sides[name] = {bool(half[:, :32].mean() > half[:, 32:].mean()) for half in halves}
    assert sides == {"medical": {True}, "light": {True, False}}


def test_the_seed_of_torch_decides_and_each_call_draws_anew():
    image = picture()
    drawn = []
    for _ in range(2):
        torch.manual_seed(3)
        drawn.append([np.asarray(MEDICAL(image)[0]) for _ in range(2)])
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0][0], drawn[0][1])
