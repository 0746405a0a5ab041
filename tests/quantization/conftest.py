"""A classifier of digits, trained once for all tests of quantisation."""

from __future__ import annotations

import pytest
from onnxnn_runtime import load

from onnxnn import nn
from onnxnn.datasets import Digits, digits, split

SIZE = 12


@pytest.fixture(scope="session")
def held_out() -> Digits:
    return split(digits(size=SIZE), 0.4)[1]


@pytest.fixture(scope="session")
def classifier(tmp_path_factory):
    """The path of a file that knows digits by two convolutions and a feature vector."""
    train = split(digits(size=SIZE), 0.4)[0]
    network = nn("cls", verbose=0)
    network.set_seed(0)
    network.load_dataset(train.images, train.labels, batch_size=32)
    network.add("conv2d", size=(1, 8), kernel_size=(3, 3), activation="relu")
    network.add("conv2d", size=(8, 16), kernel_size=(3, 3))
    network.add("batchnorm2d", size=16)
    network.add(activation="relu")
    network.add("maxpool", kernel_size=(2, 2))
    network.add("linear", size=(256, 32), activation="relu")
    network.add("linear", size=(32, 10), activation="softmax")
    folder = tmp_path_factory.mktemp("digits")
    network.save_fold = str(folder / "ckpt")
    network.train(lr=3e-3, epochs=8)
    network.export(folder / "digits.onnx")
    network.export(folder / "in_graph.onnx", preprocess="graph")
    return folder / "digits.onnx"


@pytest.fixture(scope="session")
def float_outputs(classifier, held_out):
    return load(classifier, device="cpu").embed(held_out.images)


@pytest.fixture(scope="session")
def classifier_in_graph(classifier):
    """The path of the same network with its preprocessing in the graph."""
    return classifier.with_name("in_graph.onnx")
