"""A network for the flowers of iris."""

from __future__ import annotations

from onnxnn import nn


def iris_model(iris, folder, **options):
    """Return the network of the first lesson, which is not trained yet."""
    model = nn("cls", verbose=0)
    model.set_seed(0)
    model.load_tab_data(str(iris / "train.csv"), batch_size=120, **options)
    model.add(layer="linear", size=(4, 10), activation="relu")
    model.add(layer="linear", size=(10, 5), activation="relu")
    model.add(layer="linear", size=(5, 3), activation="softmax")
    model.save_fold = str(folder)
    return model
