"""Data that several files use."""

from __future__ import annotations

import pytest
from support.class_folders import random_image


@pytest.fixture
def folders(tmp_path):
    """Three class folders of 5, 4 and 3 images."""
    root = tmp_path / "数据 集"
    for number, name in enumerate(["猫", "bird", "dog"]):
        (root / name).mkdir(parents=True)
        for index in range(5 - number):
            random_image(10 * number + index).save(root / name / f"图 {index}.png")
    return root
