"""Files that several tests of inputs read."""

from __future__ import annotations

import pytest
from PIL import Image


@pytest.fixture
def files(tmp_path):
    """Three PNG files of one colour each."""
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        Image.new("RGB", (6, 5), (80 * i, 0, 255 - 80 * i)).save(str(path))
    return paths
