"""Images and small models for the runtime's tests."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
from PIL import Image
from support.paths import GOLDEN


@pytest.fixture
def golden():
    """The folder of golden files."""
    return GOLDEN


@pytest.fixture
def open_model():
    """Open one of the small models by name."""

    def open_model(name, **options):
        return rt.load(GOLDEN / "models" / (name + ".onnx"), **options)

    return open_model


@pytest.fixture
def image():
    """An image without any symmetry, uint8 (12, 9, 3)."""
    return np.random.RandomState(0).randint(0, 256, (12, 9, 3)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    """A folder of 40 PNG files in class folders, with stray and foreign files between them."""
    random = np.random.RandomState(1)
    root = tmp_path / "照片"
    for i in range(40):
        path = root / ("绿" if i % 2 else "red") / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = random.randint(3, 20, 2)
        Image.fromarray(random.randint(0, 256, (size[0], size[1], 3)).astype(np.uint8)).save(str(path))
    for name in ("Thumbs.db", ".DS_Store", "desktop.ini", "._00.png"):
        (root / "red" / name).write_bytes(b"x")
    (root / "notes.txt").write_text("x", encoding="utf-8")
    return root
