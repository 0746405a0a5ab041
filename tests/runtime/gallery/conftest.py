"""Images and a model for the tests of galleries."""

from __future__ import annotations

import pytest


@pytest.fixture
def model(open_model):
    """A small model of vectors of two numbers."""
    return open_model("image_embedder", device="cpu")


@pytest.fixture
def photos(folder):
    """A folder of 40 images in class folders, and stray files that nobody wants to hear of."""
    (folder / "notes.txt").unlink()
    return folder
