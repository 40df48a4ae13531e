"""A new head on kept weights, and models that cannot do the task."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForImageClassification

from hf_metalr.data.labels.tasks import Task
from hf_metalr.training.models import load_model
from tests.cli.models import NETWORK, save_text_model
from tests.training.tables import save_segformer, save_vit

IMAGES, TEXTS, MASKS = Task("classification", "image"), Task("classification", "text"), Task("segmentation", "image")


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    return str(save_vit(tmp_path_factory.mktemp("vit")))


def test_the_backbone_is_kept_and_the_head_is_new_for_the_names(vit):
    loaded = load_model(vit, IMAGES, ["a", "b", "c"], seed=1)
    stored = AutoModelForImageClassification.from_pretrained(vit).state_dict()
    for name, value in loaded.model.state_dict().items():
        if not name.startswith("classifier"):
            assert torch.equal(value, stored[name]), name
    config = loaded.model.config
    assert loaded.model.classifier.out_features == config.num_labels == 3
    assert (config.id2label, config.label2id) == ({0: "a", 1: "b", 2: "c"}, {"a": 0, "b": 1, "c": 2})
    assert len(loaded.notes) == 1
    assert "new and random: 2 of " in loaded.notes[0]


def test_the_seed_decides_the_new_head(vit):
    heads = [load_model(vit, IMAGES, ["a", "b", "c"], seed=seed).model.classifier.weight for seed in (0, 0, 1)]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_the_problem_type_is_that_of_the_task(vit):
    for name, labels, wanted in (
        ("multi-label", ["a", "b"], torch.nn.BCEWithLogitsLoss()),
        ("regression", ["age"], torch.nn.MSELoss()),
    ):
        model = load_model(vit, Task(name, "image"), labels).model.eval()
        pixels, targets = torch.rand(2, 3, 16, 16), torch.rand(2, len(labels)).round()
        outputs = model(pixels, labels=targets)
        torch.testing.assert_close(outputs.loss, wanted(outputs.logits, targets))


def test_a_batch_norm_that_forgets_all_but_the_last_batch_is_mended_and_that_is_said():
    loaded = load_model(str(NETWORK), IMAGES, ["a", "b"], settings={"classifier_dropout_prob": 0.25})
    momenta = {m.momentum for m in loaded.model.modules() if isinstance(m, torch.nn.BatchNorm2d)}
    assert momenta == {0.1}
    assert any("BatchNorm momentum 0.997" in text for text in loaded.notes)
    assert loaded.model.config.classifier_dropout_prob == 0.25


def test_zero_is_a_class_of_the_users_masks(tmp_path):
    loaded = load_model(str(save_segformer(tmp_path)), MASKS, ["0", "255"])
    assert loaded.processor.do_reduce_labels is False
    assert loaded.model.config.num_labels == 2


def test_what_cannot_do_the_task_is_refused(vit, tmp_path):
    bert = str(save_text_model(tmp_path / "bert"))
    cases = [
        ((str(tmp_path / "nowhere"), IMAGES, ["a", "b"]), {}, "neither a folder with a model nor a Hub model"),
        ((bert, IMAGES, ["a", "b"]), {}, "has no image processor for images"),
        ((vit, TEXTS, ["a", "b"]), {}, "has no tokenizer for texts"),
        ((vit, MASKS, ["a", "b"]), {}, "takes no masks"),
        ((vit, IMAGES, ["a", "b"]), {"settings": {"dropuot": 0.1}}, "has no 'dropuot'. It has: "),
    ]
    for arguments, settings, message in cases:
        with pytest.raises(ValueError, match=message):
            load_model(*arguments, **settings)


def test_weights_that_end_early_are_refused(tmp_path):
    folder = save_vit(tmp_path / "vit")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"vit' cannot be loaded for classification of images \(.*header"):
        load_model(str(folder), Task("classification", "image"), ["a", "b"])


def trained(folder, names):
    """Save a network whose head was trained for classes of these names."""
    save_vit(folder)
    config = AutoConfig.from_pretrained(folder, id2label=dict(enumerate(names)))
    AutoModelForImageClassification.from_config(config).save_pretrained(folder)
    return folder, AutoModelForImageClassification.from_pretrained(folder).classifier


def test_each_output_of_a_kept_head_stays_that_of_its_class(tmp_path):
    """Left in its order, what was learned of COVID would be called NORMAL, without a word."""
    folder, head = trained(tmp_path, ["Normal", "covid", "other"])
    loaded = load_model(str(folder), IMAGES, ["COVID", "other", "NORMAL"])
    assert torch.equal(loaded.model.classifier.weight, head.weight[[1, 2, 0]])  # a cycle: its inverse is another
    assert torch.equal(loaded.model.classifier.bias, head.bias[[1, 2, 0]])
    assert loaded.new == frozenset()
    assert any("kept, in another order: it had 'Normal', 'covid', 'other'" in note for note in loaded.notes)
    same = load_model(str(folder), IMAGES, ["Normal", "covid", "other"])
    assert torch.equal(same.model.classifier.weight, head.weight)
    assert any("the head of the model is kept" in note for note in same.notes)


def test_a_head_of_other_classes_is_drawn_anew_and_that_is_said(tmp_path):
    folder, head = trained(tmp_path, ["cat", "dog"])
    loaded = [load_model(str(folder), IMAGES, ["sick", "well"], seed=seed) for seed in (0, 0, 1)]
    weights = [one.model.classifier.weight for one in loaded]
    assert not torch.equal(weights[0], head.weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert 0.01 < weights[0].std() < 0.03  # as the library draws a head
    assert loaded[0].new == {"classifier.weight", "classifier.bias"}
    assert any("drawn anew: it was trained for 'cat', 'dog'" in note for note in loaded[0].notes)


def test_a_head_without_names_is_kept_and_that_cannot_be_told_is_said(tmp_path):
    folder, head = trained(tmp_path, ["LABEL_0", "LABEL_1"])
    loaded = load_model(str(folder), IMAGES, ["sick", "well"])
    assert torch.equal(loaded.model.classifier.weight, head.weight)
    assert any(note.startswith("warning: the head of the model is kept, and its outputs") for note in loaded.notes)
