"""Models and data that the tests of exports share."""

from tests.inference.conftest import images, masked, served_models

__all__ = ["images", "masked", "served_models"]
