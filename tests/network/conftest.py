"""Data that several files use."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    """The iris data as the lessons have it: a training and a test file."""
    from sklearn.datasets import load_iris  # it takes long to import

    folder = tmp_path_factory.mktemp("iris")
    x, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(150)
    for name, part in (("train.csv", order[:120]), ("test.csv", order[120:])):
        rows = np.column_stack([x[part], y[part]])
        header = "sepal_length,sepal_width,petal_length,petal_width,species"
        np.savetxt(folder / name, rows, delimiter=",", header=header, comments="", fmt="%g")
    return folder
