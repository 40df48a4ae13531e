"""Models and inputs that the tests of predictions share."""

import pytest

from tests.inference.models import save_classifier, save_reader, save_segmenter
from tests.training.tables import save_images, save_masks


@pytest.fixture(scope="session")
def served_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    return {
        "classes": save_classifier(folder / "classes"),
        "labels": save_classifier(
            folder / "labels", ("mass", "nodule", "none"), problem_type="multi_label_classification"
        ),
        "number": save_classifier(folder / "number", ("age",)),
        "texts": save_reader(folder / "texts"),
        "masks": save_segmenter(folder / "masks"),
    }


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    return save_images(tmp_path_factory.mktemp("images") / "scans")


@pytest.fixture(scope="session")
def masked(tmp_path_factory):
    return save_masks(tmp_path_factory.mktemp("masks") / "cells")
