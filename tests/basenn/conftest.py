"""Small data that looks like the data of BaseNN's documentation, in an empty folder."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder in which a script runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def draw():
    return np.random.default_rng(0)


@pytest.fixture
def iris(folder, draw):
    """data/iris_training.csv and data/iris_test.csv: four features, three classes far apart."""
    (folder / "data").mkdir()
    for name, count in (("training", 120), ("test", 30)):
        labels = np.arange(count) % 3
        features = draw.normal(labels[:, None] * 2.0 + 1.0, 0.3, (count, 4))
        rows = np.column_stack([features, labels])
        header = "sepal_length,sepal_width,petal_length,petal_width,species"
        path = folder / f"data/iris_{name}.csv"
        np.savetxt(path, rows, delimiter=",", header=header, comments="", fmt=["%.3f"] * 4 + ["%d"])
    return folder


@pytest.fixture
def digits(folder, draw):
    """mnist/training_set and mnist/val_set: folders 0..9 of 28 x 28 images; a bar stands for a digit."""
    for name, count in (("training_set", 4), ("val_set", 2)):
        for digit in range(10):
            (folder / f"mnist/{name}/{digit}").mkdir(parents=True)
            for number in range(count):
                pixels = draw.integers(0, 60, (28, 28), dtype=np.uint8)
                pixels[2 * digit + 3 : 2 * digit + 6] = 220
                Image.fromarray(pixels).save(folder / f"mnist/{name}/{digit}/{number}.png")
    return folder


@pytest.fixture
def pets(folder, draw):
    """CatsDogs/training_set: cats are red, dogs are blue, and the images have many sizes."""
    for name, channel in (("cat", 0), ("dog", 2)):
        (folder / f"CatsDogs/training_set/{name}").mkdir(parents=True)
        for number in range(4):
            pixels = draw.integers(0, 60, (40 + number, 50, 3), dtype=np.uint8)
            pixels[..., channel] += 180
            Image.fromarray(pixels).save(folder / f"CatsDogs/training_set/{name}/{number}.jpg")
        Image.fromarray(pixels).resize((90, 70)).save(folder / f"CatsDogs/{name}1.jpg")
    return folder


@pytest.fixture
def actions(folder, draw):
    """dataset.npz: pose sequences (19, 30, 132) with one-hot labels."""
    labels = np.arange(19) % 3
    data = draw.normal(labels[:, None, None] - 1.0, 0.5, (19, 30, 132))
    np.savez(folder / "dataset.npz", data=data, label=np.eye(3)[labels])
    return folder


@pytest.fixture
def poems(folder):
    """tangccc.npz: lines of twelve characters, and each character's number."""
    text = "春江潮水连海平，海上明月共潮生。长安一片月，万户捣衣声。"
    words = {character: number for number, character in enumerate(sorted(set(text)))}
    lines = [[words[character] for character in text[i : i + 12]] for i in range(len(text) - 11)]
    np.savez(folder / "tangccc.npz", data=np.array(lines), word2idx=json.dumps(words))
    return folder
