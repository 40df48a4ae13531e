"""Masks beside images: never samples; read as masks where segmentation is asked for, or is all that it can be."""

import pytest

from hf_metalr.errors import InputError
from tests.data.trees import left_out, paths, plant, product, read, rows


@pytest.fixture
def busi(tmp_path):
    return plant(
        tmp_path, [f"{c}/{c} ({i}){end}.png" for c in ("benign", "sick") for i in (1, 2) for end in ("", "_mask")]
    )


@pytest.fixture
def covid(tmp_path):
    return plant(tmp_path, product(["COVID", "Normal"], ["images", "masks"], [1, 2]))


def test_twins_are_no_samples(busi):
    opened = read(busi)
    assert rows(opened)[None] == {f"{c}/{c} ({i}).png": c for c in ("benign", "sick") for i in (1, 2)}
    assert left_out(opened) == {
        "mask, not an image": [f"{c}/{c} ({i})_mask.png" for c in ("benign", "sick") for i in (1, 2)]
    }
    assert "they are read with --task segmentation" in opened.notes[-1]
    assert str(opened.files) == "8 files found = 4 read + 4 left out"


def test_twins_are_masks_where_they_are_asked_for(busi):
    plant(busi, ["sick/sick (2)_mask_1.png"])
    opened = read(busi, masks=True)
    assert rows(opened, "subfolder")[None] == {
        "benign/benign (1).png": "benign",
        "benign/benign (2).png": "benign",
        "sick/sick (1).png": "sick",
    }
    assert paths(opened, opened.parts[None], "mask") == [
        name.replace(").png", ")_mask.png") for name in rows(opened, "subfolder")[None]
    ]
    (reason,) = left_out(opened)
    assert "several masks" in reason
    assert len(left_out(opened)[reason]) == 3


@pytest.mark.parametrize(
    "twin",
    [
        "x_mask.png",
        "x-mask.tif",
        "X_Mask.png".replace("X", "x"),
        "x_mask_1.png",
        "x_seg.png",
        "x_segmentation.jpg",
        "mask_x.png",
    ],
)
def test_usual_names_of_twins(tmp_path, twin):
    opened = read(plant(tmp_path, ["a/x.png", f"a/{twin}", "b/y.png"]))
    assert left_out(opened) == {"mask, not an image": [f"a/{twin}"]}


def test_what_looks_like_a_twin_but_has_no_image_is_one(tmp_path):
    names = ["with_mask/1_label.png", "mask/a_seg.png", "no_mask/mask_off.png"]
    assert list(rows(read(plant(tmp_path / "none", names)))[None]) == sorted(names)
    # Where others are twins, a mask that has lost its image is no sample either.
    opened = read(plant(tmp_path / "some", ["a/x.png", "a/x_mask.png", "a/y_mask.png", "b/z.png"]))
    assert list(rows(opened)[None]) == ["a/x.png", "b/z.png"]
    assert left_out(opened)["mask without its image"] == ["a/y_mask.png"]


@pytest.mark.parametrize("masks", [None, False])
def test_classes_above_images_and_masks(covid, masks):
    opened = read(covid, masks)
    assert rows(opened)[None] == {f"{c}/images/{i}.png": c for c in ("COVID", "Normal") for i in (1, 2)}
    assert len(left_out(opened)["mask, not an image"]) == 4


def test_several_folders_of_masks_are_no_samples(tmp_path):
    plant(tmp_path, product(["COVID", "Normal"], ["images", "infection masks", "lung_masks"], [1]))
    assert list(rows(read(tmp_path))[None]) == ["COVID/images/1.png", "Normal/images/1.png"]


def test_classes_above_images_and_masks_are_segmented_when_asked(covid):
    opened = read(covid, masks=True)
    assert rows(opened, "subfolder")[None]["COVID/images/2.png"] == "COVID"
    assert paths(opened, opened.parts[None], "mask")[1] == "COVID/masks/2.png"
    assert left_out(opened) == {}


@pytest.mark.parametrize(
    ("layout", "folder"),
    [
        (product(["images", "masks"], [1, 2]), ""),
        (product(["Image", "Ground Truth"], [1, 2]), ""),
        (product(["cells"], ["images", "masks"], [1, 2]), None),
        (product(["images", "masks"], ["p1", "p2"], [1, 2]), "p1"),
    ],
)
def test_images_beside_masks_are_segmented(tmp_path, layout, folder):
    opened = read(plant(tmp_path, [*layout, "README.md"]))
    images, masks = (paths(opened, opened.parts[None], column) for column in ("image", "mask"))
    assert sorted(images + masks) == sorted(layout)
    assert [name.rpartition("/")[2] for name in images] == [name.rpartition("/")[2] for name in masks]
    assert ("subfolder" in opened.parts[None].features) == (folder == "p1")
    assert "read for segmentation" in opened.notes[-1]


@pytest.mark.parametrize("order", [["images", "masks"], ["train", "Val"]])
def test_splits_lie_above_or_inside(tmp_path, order):
    levels = (order, ["train", "Val"]) if order[0] == "images" else (order, ["images", "masks"])
    opened = read(plant(tmp_path, [*product(*levels, [1, 2]), "overview.png"]))
    assert {split: len(part) for split, part in opened.parts.items()} == {"train": 2, "validation": 2}
    assert left_out(opened) == {"in no folder of images": ["overview.png"]}


def test_masks_may_have_an_ending_and_another_suffix(tmp_path):
    opened = read(plant(tmp_path, ["images/x.jpg", "masks/x_mask.png", "images/y_1.jpg", "masks/y_1.gif"]))
    assert paths(opened, opened.parts[None], "mask") == ["masks/x_mask.png", "masks/y_1.gif"]


MISTAKES = {
    "images/1.png images/2.png images/3.png masks/1.png": "every image, found 2 without one, such as 'images/2",
    "images/1.png masks/1.png masks/7.png": "every mask, found 1 without one, such as 'masks/7.png'",
    "a/1.png b/2.png": "must hold masks for segmentation, found none",
    "a/1.png a/1_mask.png a/1_mask_2.png": "has several masks for every image",
}


@pytest.mark.parametrize("names", MISTAKES)
def test_what_cannot_be_segmented_is_told(tmp_path, names):
    with pytest.raises(InputError, match=MISTAKES[names]):
        read(plant(tmp_path, names.split()), masks=True)
