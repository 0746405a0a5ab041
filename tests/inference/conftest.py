"""Trained networks that several files use."""

from __future__ import annotations

import pytest
from support.poems import poet


@pytest.fixture(scope="session")
def trained_poet(tmp_path_factory):
    """A folder with a trained_poet poem writer: basenn.pth and poems.onnx."""
    folder = tmp_path_factory.mktemp("poems")
    model = poet()
    model.train(lr=0.02, epochs=25, metrics=["acc"], save_fold=str(folder))
    model.export(folder / "poems.onnx")
    return folder
