"""Data in the containers of torch and scikit-learn, wherever data comes in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import DataError
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from onnxnn import nn

X = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32)
Y = np.arange(30) % 3


class Rows(Dataset):
    """A Dataset of a script's own."""

    classes = ("a", "b", "c")

    def __len__(self):
        return 30

    def __getitem__(self, number):
        if not 0 <= number < 30:
            raise IndexError
        return X[number], int(Y[number])


TENSORS = TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
CONTAINERS = {
    "DataLoader": DataLoader(TENSORS, batch_size=7),
    "TensorDataset": TENSORS,
    "Subset": Subset(TENSORS, range(30)),
    "own Dataset": Rows(),
    "dict": {"data": X, "target": Y},
}


def network():
    model = nn("cls", verbose=0)
    model.set_seed(0)
    return model


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_equals_its_arrays(tmp_path, name):
    found = []
    for given in (CONTAINERS[name],), (X, Y):
        model = network()
        model.load_dataset(*given, batch_size=10)
        model.set_seed(0)  # a DataLoader draws a number of its own
        model.add("linear", size=(4, 3), activation="softmax")
        history = model.train(lr=0.1, epochs=2, save_fold=str(tmp_path))
        rated = model.evaluate(given[0] if len(given) == 1 else given)
        found.append((history, rated, model.inference(given[0]).tolist()))
    assert found[0] == found[1]


def test_labels_of_a_container_are_kept_beside_the_result(tmp_path):
    model = network()
    model.load_dataset(Rows())
    assert model._data.classes == ("a", "b", "c")
    model.add("linear", size=(4, 3), activation="softmax")
    model.inference(TENSORS)
    assert model.val_label.tolist() == Y.tolist()
    assert model.inference(TensorDataset(torch.from_numpy(X))).shape == (30, 3)


def test_names_of_scikit_learn_are_kept():
    from sklearn.datasets import load_iris  # it takes long to import

    iris = load_iris()
    model = network()
    model.load_dataset(iris)
    assert model._data.classes == ("setosa", "versicolor", "virginica")
    assert model._data.features == tuple(iris.feature_names)
    model.add("linear", size=(4, 3), activation="softmax")
    assert model.inference(iris).shape == (150, 3)
    assert set(model.evaluate(iris)) == {"loss", "acc"}


@pytest.mark.parametrize(
    "given",
    [
        TensorDataset(torch.zeros(0, 4), torch.zeros(0)),
        TensorDataset(torch.zeros(3, 4), torch.zeros(3), torch.zeros(3)),
        DataLoader(TensorDataset(torch.zeros(4, 4))),
    ],
)
def test_containers_of_something_else_are_refused(given):
    with pytest.raises(DataError, match="load_dataset"):
        network().load_dataset(given)


@pytest.mark.parametrize("make", [list, np.array, lambda labels: np.array(labels, object)])
def test_bytes_are_texts(make):
    model = network()
    model.load_dataset(X[:4], make(["猫".encode(), b"dog", "猫".encode(), b"dog"]))
    assert set(model._data.classes) == {"dog", "猫"}
    with pytest.raises(DataError, match=r"UTF-8.*decode"):
        model.load_dataset(X[:2], make([b"\xff\xfe", b"dog"]))


def test_samples_and_labels_in_one_argument():
    x, y = np.zeros((4, 3)), [0, 1, 0, 1]
    for pair in ((x, y), [x, y], (x.tolist(), y), (torch.zeros(4, 3), torch.zeros(4, 1))):
        with pytest.raises(DataError, match=r"load_dataset\(\(x, y\)\): .* Write load_dataset\(x, y\)"):
            nn("cls", verbose=0).load_dataset(pair)
    with pytest.raises(DataError, match="y: expected one label for each sample, got None"):
        nn("cls", verbose=0).load_dataset(x)
