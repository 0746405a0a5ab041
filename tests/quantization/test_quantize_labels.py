"""The labels of `quantize(labels=...)` and of folders: names first, and never another class in silence."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime import DataError, load

from onnxnn import nn
from onnxnn.quantization.samples import read_samples

NUM = 30


def card_with(classes, tmp_path, kind="cls"):
    """Return the card of an untrained network for 4 numbers, and samples of it."""
    x = np.random.default_rng(0).normal(size=(NUM, 4)).astype(np.float32)
    network = nn(kind, verbose=0)
    network.load_dataset(x, np.array(classes)[np.arange(NUM) % len(classes)])
    network.add("linear", size=(4, len(classes) if kind == "cls" else 3))
    network.export(tmp_path / "a.onnx")
    return load(tmp_path / "a.onnx", device="cpu").card, x


@pytest.mark.parametrize(
    ("classes", "labels", "expected"),
    [
        (["cat", "dog"], ["dog", "cat"], [1, 0]),
        (["cat", "dog"], ["Dog", "CAT"], [1, 0]),
        (["cat", "dog"], [1, 0], [1, 0]),
        (["cat", "dog"], np.array([1, 0]), [1, 0]),
        (["1", "2", "10"], ["2", "10", "1"], [2, 1, 0]),
        (["1", "2", "10"], np.array([2, 10, 1]), [2, 1, 0]),
        (["3", "7"], [7, 3], [1, 0]),
        (["cat", "dog"], [[0, 1], [1, 0]], [1, 0]),  # one-hot, as training takes it
        (["cat", "dog"], [[1], [0]], [1, 0]),
    ],
)
def test_labels_are_names_or_indices(tmp_path, classes, labels, expected):
    card, x = card_with(classes, tmp_path)
    found = read_samples(x, card, np.array([labels[i % len(labels)] for i in range(NUM)])).labels
    np.testing.assert_array_equal(found, np.resize(expected, NUM))


@pytest.mark.parametrize(
    ("classes", "labels"),
    [
        (["1", "2", "10"], [0, 1, 2]),  # 1 and 2 are names of other classes than the indices 1 and 2
        (["3", "7"], [0, 1]),
        (["cat", "dog"], [0, 2]),
        (["cat", "dog"], ["cat", 1]),
        (["cat", "dog"], ["cat", None]),
        (["cat", "dog"], [[0, 1], [1, 1]]),
        (["cat", "dog"], 3),
        (["cat", "dog"], "cat"),
    ],
)
def test_labels_that_are_neither_are_refused(tmp_path, classes, labels):
    card, x = card_with(classes, tmp_path)
    given = [labels[number % len(labels)] for number in range(NUM)] if isinstance(labels, list) else labels
    with pytest.raises(DataError, match=r"labels(=.*)?: expected (classes of the network|a list)"):
        read_samples(x, card, given)


@pytest.mark.parametrize("labels", [["zebra", "lion", "bear"], [7, 8, 9], ["cat", "zebra", "lion"]])
def test_vectors_have_labels_of_any_classes(tmp_path, labels):
    card, x = card_with(["cat", "dog", "cow"], tmp_path, "embed")
    found = read_samples(x, card, [labels[number % 3] for number in range(NUM)]).labels
    np.testing.assert_array_equal(found[:3], found[3:6])
    assert len(set(found.tolist())) == 3


@pytest.mark.parametrize(
    ("targets", "is_refused"),
    [
        (np.arange(NUM), False),
        (np.arange(NUM)[:, np.newaxis], False),
        (np.ones((NUM, 2)), True),
        (np.full(NUM, np.nan), True),
        (["much"] * NUM, True),
    ],
)
def test_targets_have_the_width_of_the_values(tmp_path, targets, is_refused):
    x = np.random.default_rng(0).normal(size=(NUM, 4)).astype(np.float32)
    network = nn("reg", verbose=0)
    network.load_dataset(x, x.sum(axis=1))
    network.add("linear", size=(4, 1))
    network.export(tmp_path / "a.onnx")
    card = load(tmp_path / "a.onnx", device="cpu").card
    if not is_refused:
        assert read_samples(x, card, targets).labels.shape == (NUM, 1)
        return
    with pytest.raises(
        DataError, match=r"expected the targets of the network, finite numbers \(samples, 1\)"
    ):
        read_samples(x, card, targets)
