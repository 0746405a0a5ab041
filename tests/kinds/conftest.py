"""Trained networks that several files use."""

from __future__ import annotations

import pytest
from support.reversals import made


@pytest.fixture(scope="session")
def trained_transformer(tmp_path_factory):
    """A network that has begun to learn, its folder, and the exported file."""
    folder = tmp_path_factory.mktemp("transformer")
    network = made(folder, count=200)
    network.train(lr=3e-3, epochs=3, metrics=["acc", "exact"])
    network.export(folder / "reverse.onnx")
    return network, folder
