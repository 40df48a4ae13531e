"""Models and images that the tests of `hf-metalr train` share."""

import pytest

from tests.cli.models import save_text_model
from tests.training.tables import save_images, save_segformer, save_vit


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        "vit": save_vit(folder / "vit"),
        "segformer": save_segformer(folder / "segformer"),
        "bert": save_text_model(folder / "bert"),
    }


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    return save_images(tmp_path_factory.mktemp("data") / "scans")
