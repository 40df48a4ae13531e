"""What cannot be ranked is refused in one clear sentence, before models are loaded, and nothing is written."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, List, Value
from torch import nn
from transformers import ViTConfig

from hf_metalr.ranking import rank_backbones
from tests.ranking.tiny import Colours, image_data, pictures, processor, save_bert, save_vit, text_data, to_pixels
from tests.trainer.tiny import make_vit


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    return {"vit": save_vit(folder / "vit"), "bert": save_bert(folder / "bert")}


@pytest.fixture
def no_model_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tripwire: the error must come before any weights are read."""

    def refuse(*arguments: Any, **settings: Any) -> None:
        raise AssertionError("a model was loaded first")

    monkeypatch.setattr("hf_metalr.ranking.checkpoints.Checkpoint.load", refuse)


def labelled(labels: list[Any], feature: Any) -> Dataset:
    features = Features({"image": Image(), "label": feature})
    return Dataset.from_dict({"image": pictures(len(labels)), "label": labels}, features=features)


def spoiled(row: int, spoil: Callable[[bytes], bytes], count: int = 24) -> Dataset:
    stored = []
    for index, picture in enumerate(pictures(count)):
        content = io.BytesIO()
        picture.save(content, format="png")
        whole = content.getvalue()
        stored.append({"bytes": spoil(whole) if index == row else whole, "path": None})
    features = Features({"image": Image(), "label": ClassLabel(num_classes=2)})
    return Dataset.from_dict({"image": stored, "label": [i % 2 for i in range(count)]}, features=features)


def without_picture(row: int) -> Dataset:
    features = Features({"image": Image(), "label": TWO})
    images = [None if index == row else picture for index, picture in enumerate(pictures(24))]
    return Dataset.from_dict({"image": images, "label": [0, 1] * 12}, features=features)


def two_pictures() -> Dataset:
    features = Features({"before": Image(), "after": Image(), "label": TWO})
    return Dataset.from_dict({"before": pictures(8), "after": pictures(8), "label": [0, 1] * 4}, features=features)


TWO = ClassLabel(num_classes=2)
LABELS = [
    (lambda: DatasetDict({"train": image_data(), "test": image_data()}), r"splits \['train', 'test'\]"),
    (lambda: image_data().to_iterable_dataset(), "found a streaming data set"),
    (lambda: [{"image": None, "label": 0}], "must be a datasets.Dataset, found list"),
    (lambda: image_data().select([]), "at least two samples, found 0"),
    (lambda: image_data().remove_columns("label"), "`label_column` must name .* images alone"),
    (lambda: image_data().rename_column("label", "y").add_column("z", [0] * 48).cast_column("z", TWO), "be: y, z"),
    (lambda: labelled([0, 1] * 11 + [None, 1], TWO), r"no label in 1 of 24 rows \(row 22\)"),
    (lambda: labelled([0, 1] * 11 + [-1, 1], Value("int64")), "holds -1 beside other classes, first in row 22"),
    (lambda: labelled([1] * 24, TWO), "at least two classes, found only 1"),
    (lambda: labelled([0] * 20 + [1] * 4, TWO), r"at least 5 samples.*found 1 with fewer \(1: 4\)"),
    (lambda: labelled([[0, 1], [0, 1, 1]] * 12, List(Value("int64"))), "found the same labels in all"),
    (lambda: labelled([0.5, float("nan")] * 12, Value("float32")), "no label in 12 of 24 rows"),
    (lambda: labelled([0.5] * 24, Value("float32")), "must hold different numbers for a regression, found only 0.5"),
    (lambda: labelled([[0, 0]] * 24, List(Value("int64"))), "found the same labels in all"),
    (lambda: image_data().remove_columns("image"), "`input_column` must name the column with the images or texts"),
    (lambda: two_pictures(), "`input_column` must name .* several columns could be: before, after"),
    (lambda: spoiled(7, lambda whole: b"no image"), "row 7: it is no image of a known kind"),
    (lambda: spoiled(7, lambda whole: b""), "row 7: it is empty"),
    (lambda: without_picture(3), r"it is empty in 1 of 24 rows \(row 3\)"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "message"), LABELS, ids=[message[:30] for _, message in LABELS])
@pytest.mark.usefixtures("no_model_is_loaded")
def test_unusable_data_is_refused_before_work_begins(data, message, models, tmp_path):
    with pytest.raises(ValueError, match=message) as found:
        rank_backbones([models["vit"]], data(), cache_dir=tmp_path / "cache")
    assert "\n" not in str(found.value)
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("no_model_is_loaded")
def test_an_image_that_ends_too_early_is_named_before_work_begins(models, tmp_path):
    data = spoiled(19, lambda whole: whole[: len(whole) // 2])  # begins like an image
    with pytest.raises(ValueError, match="row 19: it is damaged"):
        rank_backbones([models["vit"]], data, batch_size=4, cache_dir=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_the_row_is_that_of_the_whole_data_set(models):
    data = spoiled(19, lambda whole: whole[: len(whole) // 2])
    for seed in range(9):  # until the row is drawn
        try:
            rank_backbones([models["vit"]], data, max_samples=18, seed=seed, scores=["shrinkage_h_score"])
        except ValueError as error:
            assert "row 19: " in str(error)  # noqa: PT017
            return
    raise AssertionError("row 19 was never drawn")


def test_what_cannot_be_read_is_left_out_when_asked(models):
    data = spoiled(7, lambda whole: b"no image")
    assert rank_backbones([models["vit"]], data, skip_damaged=True, scores=["shrinkage_h_score"]).samples == 23


def test_words_are_classes_and_lists_are_labels(models):
    words = labelled(["cat", "dog"] * 12, Value("string"))
    assert rank_backbones([models["vit"]], words, scores=["shrinkage_h_score"]).classes == 2
    lists = labelled([[0, 2], [0, 1]] * 12, List(Value("int64")))
    assert rank_backbones([models["vit"]], lists).settings["task"] == "multi-label"


@pytest.mark.usefixtures("no_model_is_loaded")
@pytest.mark.parametrize(
    ("sources", "data", "message"),
    [
        (
            ["no/such-model"],
            image_data,
            "'no/such-model' is neither a folder with a model nor a Hub model within reach",
        ),
        (["vit", "no/such-model"], image_data, "'no/such-model' is neither"),
        (["./nowhere"], image_data, "'./nowhere' is neither"),
        ([], image_data, "at least one model"),
        ("vit", image_data, "Put a single one into a list"),
        (["vit", "vit"], image_data, "must not name a model twice"),
        ([make_vit()], image_data, "Name modules in a mapping"),
        ({"mine": make_vit()}, image_data, r"a pair \(module, processor\), found ViTForImageClassification"),
        (
            {"mine": (make_vit(), None)},
            image_data,
            "must be an image processor, a tokenizer or a function, found NoneType",
        ),
        ({"mine": (make_vit(), processor())}, text_data, "takes pixel_values, but the data set holds texts"),
        (["bert"], image_data, r"\(bert\) takes texts, but the data set holds images"),
        (["vit"], text_data, r"\(vit\) takes images, but the data set holds texts"),
    ],
)
def test_unusable_models_are_refused_before_work_begins(sources, data, message, models):
    named = [models.get(source, source) if isinstance(source, str) else source for source in sources]
    given = models[sources] if isinstance(sources, str) else sources if isinstance(sources, dict) else named
    with pytest.raises(ValueError, match=message):
        rank_backbones(given, data())


def test_a_model_without_a_processor_is_refused(tmp_path):
    make_vit().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"has no image processor.*AutoImageProcessor.from_pretrained\(base_model\)"):
        rank_backbones([tmp_path], image_data())
    bert = save_bert(tmp_path / "bert")
    for file in Path(bert).glob("token*"):
        file.unlink()
    with pytest.raises(ValueError, match="has no tokenizer"):  # Transformers would make one that knows no word
        rank_backbones([bert], text_data())


def test_a_folder_without_weights_is_refused(tmp_path):
    ViTConfig().save_pretrained(tmp_path)
    processor().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"the weights of .* cannot be read"):
        rank_backbones([tmp_path], image_data())


def test_a_checkpoint_that_lacks_a_part_of_its_backbone_is_refused(tmp_path):
    # it would be ranked with random values in that part, and nobody would know
    model = make_vit()
    weights = {name: value for name, value in model.state_dict().items() if re.search(r"layers?\.1\.", name) is None}
    assert 0 < len(weights) < len(model.state_dict())
    model.save_pretrained(tmp_path, state_dict=weights)
    processor().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"lacks .* tensors of its backbone"):
        rank_backbones([tmp_path], image_data())


def test_features_that_are_not_finite_are_refused(tmp_path):
    model = Colours(sees=True)
    with torch.no_grad():
        model.body.bias.fill_(torch.inf)
    with pytest.raises(ValueError, match="'mine' has features that are not finite, first in"):
        rank_backbones({"mine": (model, to_pixels)}, image_data(), cache_dir=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0}, "`k` must be at least 1, found 0"),
        ({"k": 48}, "`k` must be less than the number of samples, 48; found 48"),
        ({"folds": 1}, "`folds` must be at least 2"),
        ({"bootstraps": 10}, "`bootstraps` must be at least 100"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"max_samples": 1}, "`max_samples` must be at least 2"),
        ({"confidence": 95}, "`confidence` must lie between 0 and 1, found 95"),
        ({"dtype": "int8"}, "`dtype` must be a floating dtype"),
        ({"dtype": "half precision"}, "`dtype` must be a floating dtype"),
        ({"priors": {"other": 0.8}}, r"`priors` must name models that are ranked.*found \['other'\]"),
        ({"priors": {"vit": "high"}}, "`priors` must be finite numbers"),
        ({"label_column": "lable"}, r"`label_column` 'lable' does not exist\. The columns are: label, image"),
        ({"input_column": "label"}, "`input_column` 'label' holds the labels"),
        ({"scores": ["accuracy"]}, "`scores` must be a list of different names among"),
    ],
)
@pytest.mark.usefixtures("no_model_is_loaded")
def test_settings_out_of_range_are_refused(settings, message, models):
    with pytest.raises(ValueError, match=message):
        rank_backbones({"vit": models["vit"]}, image_data(), **settings)


def test_leep_orders_no_table_of_models_without_a_head():
    with pytest.raises(ValueError, match="'mine' has no trained head for other classes"):
        rank_backbones({"mine": (Colours(True), to_pixels)}, image_data(), scores=["log_expected_empirical_prediction"])


def test_twins_of_modules_must_be_given():
    with pytest.raises(ValueError, match="`random_twins` needs checkpoints"):
        rank_backbones({"mine": (Colours(True), to_pixels)}, image_data(), random_twins=True)


def test_a_processor_that_returns_something_else_is_named():
    with pytest.raises(
        ValueError, match="processor of 'mine' must return a tensor or a mapping of tensors, found list"
    ):
        rank_backbones({"mine": (Colours(True), list)}, image_data())


def test_a_model_without_a_token_for_padding_is_refused(models):
    from tests.ranking.tiny import tokenizer

    bare = tokenizer()
    bare.pad_token = None
    with pytest.raises(ValueError, match="has no padding token"):
        rank_backbones({"mine": (nn.Linear(2, 2), bare)}, text_data())


def test_a_damaged_config_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "vi')
    with pytest.raises(ValueError, match="is neither a folder with a model"):
        rank_backbones([Path(tmp_path)], image_data())
